"""The extension of Jupyter Server, with its settings."""

from __future__ import annotations

from pathlib import Path

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from traitlets import Float

from participant_kit.participant.server.broker import Broker
from participant_kit.participant.server.files import Files
from participant_kit.participant.server.routes import ROUTES


class ParticipantKit(ExtensionApp):
    """Serves the page beside the notebook: ``c.ParticipantKit`` in Jupyter's configuration."""

    name = "participant_kit"
    extension_url = "/lab"
    load_other_extensions = True

    wait = Float(25.0, help="Seconds for which a gateway is asked to hold its answer until something changes.").tag(
        config=True
    )
    pause = Float(10.0, help="The longest time, in seconds, between two tries to reach a gateway that is away.").tag(
        config=True
    )

    linger = Float(
        30.0, help="Seconds for which a challenge is followed after its last page is gone: one may be reloaded."
    ).tag(config=True)

    def initialize_handlers(self) -> None:
        """Add the routes, below Jupyter's own base URL."""
        root = Path(self.serverapp.contents_manager.root_dir if self.serverapp else ".").absolute()
        self.broker = Broker(Files(root), wait=self.wait, pause=self.pause, linger=self.linger)
        for path, handler in ROUTES:
            self.handlers.append((url_path_join("participant-kit", path), handler, {"broker": self.broker}))

    async def stop_extension(self) -> None:
        """End what is followed; nothing is lost, because the gateways know."""
        self.broker.stop()

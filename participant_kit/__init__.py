"""Public benchmarks on data that may not leave its holder.

A participant's notebook is executed on the holder's machines, against the real data, and scores only come
back. Each folder of this package is a zone, named after where it runs; ``docs/architecture.md`` draws them.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``participant_kit.Client``, loaded when it is asked for: no other zone imports the participant's."""
    if name == "Client":
        return import_module("participant_kit.participant").Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """Add ``%blind`` to a notebook. Called by ``%load_ext participant_kit``."""
    shell.register_magics(import_module("participant_kit.participant.magics").BlindMagics)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """What Jupyter Server loads."""
    module = "participant_kit.participant.server.app"
    return [{"module": module, "app": import_module(module).ParticipantKit}]

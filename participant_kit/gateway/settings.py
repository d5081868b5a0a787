"""What an operator decides about a gateway."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from participant_kit.gateway.hub import Hub


@dataclass(frozen=True)
class Settings:
    """``data`` holds the SQLite file unless ``database`` is a URL, and the blobs unless ``blobs`` is one.

    ``lease`` is in seconds. ``address`` is how people reach the gateway, such as ``https://gateway.example.org``.
    ``openid`` is a file with an OpenID provider, by which people may log in; ``hub`` a JupyterHub. Mail goes by the
    server at the URL ``smtp``. With ``private_webhooks`` news may go to machines of private networks.
    """

    data: Path
    database: str | None = None
    lease: float = 60.0
    max_attempts: int = 3
    blobs: str | None = None
    address: str | None = None
    smtp: str | None = None
    mail_from: str | None = None
    private_webhooks: bool = False
    openid: Path | None = None
    hub: Hub | None = None

    @property
    def database_url(self) -> str:
        """The URL of the database."""
        return self.database or f"sqlite:///{self.data / 'gateway.sqlite'}"

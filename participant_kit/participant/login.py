"""Logging in to a gateway: the token is tried before it is kept."""

from __future__ import annotations

from dataclasses import dataclass

from participant_kit.participant.client import Client
from participant_kit.participant.credentials import keep_name, save_token
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.messages import ServerInfo


@dataclass(frozen=True)
class Login:
    """Who is logged in where; ``kept_in`` is ``keyring`` or ``file``."""

    gateway: str
    name: str
    role: str
    kept_in: str

    def to_dict(self) -> dict[str, str]:
        """A plain dictionary for ``--json``."""
        return {"gateway": self.gateway, "name": self.name, "role": self.role, "kept_in": self.kept_in}


def login(gateway: str, token: str) -> Login:
    """Keep ``token`` for ``gateway``, which becomes the default one.

    The token is shown only to what says that it is a gateway. Raises
    a :class:`~participant_kit.challenge.errors.KitError`; then nothing was kept.
    """
    Connection(gateway).get("/", ServerInfo)
    client = Client(gateway, token)
    account = client.me()
    kept_in = save_token(client.gateway, token)
    keep_name(client.gateway, token, account.name)
    return Login(client.gateway, account.name, account.role, kept_in)

"""Accounts of people who are known elsewhere."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Literal, Protocol

from sqlalchemy import Connection, insert, select

from participant_kit.gateway.accounts import is_taken
from participant_kit.gateway.audit import record
from participant_kit.gateway.database import insert_missing
from participant_kit.gateway.tables import accounts, identities

Admits = Literal["approval", "anyone"]
"""Whether who comes for the first time waits for an organizer."""


@dataclass(frozen=True)
class Identity:
    """Who somebody is elsewhere: ``subject`` at ``issuer``; an account that is made for them is called ``wanted``."""

    issuer: str
    subject: str
    wanted: str
    admits: Admits


class Elsewhere(Protocol):
    """Where people log in by the code flow of OAuth 2. ``secret`` is what their browser keeps in the meantime."""

    @property
    def title(self) -> str:
        """What people call it."""

    def begin(self, secret: str, back: str) -> str:
        """Where the browser goes; it comes ``back``."""

    def finish(self, secret: str, back: str, code: str) -> Identity:
        """Who has come back. Raises :class:`~participant_kit.gateway.errors.GatewayError`."""


def find_identity(connection: Connection, identity: Identity) -> str | None:
    """The account of who that is."""
    mine = (identities.c.issuer == identity.issuer) & (identities.c.subject == identity.subject)
    return connection.scalar(select(identities.c.account).where(mine))


def link_identity(connection: Connection, identity: Identity, person: str) -> None:
    """Let who that is be ``person`` here."""
    values = {"issuer": identity.issuer, "subject": identity.subject, "account": person, "created_at": time.time()}
    if insert_missing(connection, identities, **values):
        record(connection, person, "link identity", person, issuer=identity.issuer)


def welcome_identity(connection: Connection, identity: Identity) -> str:
    """The account of who comes; a new one if it is for the first time."""
    known = find_identity(connection, identity)
    if known is not None:
        return known
    stem = re.sub(r"[^A-Za-z0-9_.-]", "-", identity.wanted.partition("@")[0]).lstrip("_.-")[:50] or "participant"
    name, number = stem, 1
    while is_taken(connection, name):
        number += 1
        name = f"{stem}-{number}"
    state = "active" if identity.admits == "anyone" else "waiting"
    values = {"name": name, "role": "participant", "created_at": time.time(), "revision": 0, "state": state}
    connection.execute(insert(accounts).values(is_team=False, **values))
    link_identity(connection, identity, name)
    return name

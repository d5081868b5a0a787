"""Accounts of people who are known elsewhere."""

from __future__ import annotations

import re
import time
from typing import Literal

from sqlalchemy import Connection, insert, select

from participant_kit.gateway.accounts import account_exists
from participant_kit.gateway.audit import record
from participant_kit.gateway.database import insert_missing
from participant_kit.gateway.tables import accounts, identities

Admits = Literal["approval", "anyone"]
"""Whether who comes for the first time waits for an organizer."""


def find_identity(connection: Connection, issuer: str, subject: str) -> str | None:
    """The account of who is ``subject`` at ``issuer``."""
    mine = (identities.c.issuer == issuer) & (identities.c.subject == subject)
    return connection.scalar(select(identities.c.account).where(mine))


def link_identity(connection: Connection, issuer: str, subject: str, person: str) -> None:
    """Let who is ``subject`` there be ``person`` here."""
    values = {"issuer": issuer, "subject": subject, "account": person, "created_at": time.time()}
    if insert_missing(connection, identities, **values):
        record(connection, person, "link identity", person, issuer=issuer)


def welcome_identity(connection: Connection, issuer: str, subject: str, wanted: str, admits: Admits) -> str:
    """The account of who comes, a new one if it is for the first time, called ``wanted`` or much like it."""
    known = find_identity(connection, issuer, subject)
    if known is not None:
        return known
    stem = re.sub(r"[^A-Za-z0-9_.-]", "-", wanted.partition("@")[0]).lstrip("_.-")[:50] or "participant"
    name, number = stem, 1
    while account_exists(connection, name):
        number += 1
        name = f"{stem}-{number}"
    state = "active" if admits == "anyone" else "waiting"
    values = {"name": name, "role": "participant", "created_at": time.time(), "revision": 0, "state": state}
    connection.execute(insert(accounts).values(is_team=False, **values))
    link_identity(connection, issuer, subject, name)
    return name

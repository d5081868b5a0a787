"""What the organizer tells all who take part, in Markdown; of one challenge, or of all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from participant_kit.gateway.audit import record
from participant_kit.gateway.challenges import find_challenge
from participant_kit.gateway.news import tell_all
from participant_kit.gateway.tables import announcements
from participant_kit.protocol.identifiers import new_identifier


def announce(connection: Connection, challenge: str | None, title: str, text: str, by: str) -> str:
    """Tell all who take part in ``challenge``, or everybody; the identifier of what was said."""
    if challenge is not None:
        find_challenge(connection, challenge)
    identifier = new_identifier()
    values = {"id": identifier, "challenge": challenge, "title": title, "text": text, "created_by": by}
    connection.execute(insert(announcements).values(**values, created_at=time.time()))
    record(connection, by, "announce", identifier, challenge=challenge, title=title)
    tell_all(connection, "announcement", challenge, title, text, {"announcement": identifier})
    return identifier


def withdraw(connection: Connection, identifier: str, by: str) -> None:
    """Show it no more."""
    mine = (announcements.c.id == identifier) & announcements.c.withdrawn_at.is_(None)
    if connection.execute(update(announcements).where(mine).values(withdrawn_at=time.time())).rowcount:
        record(connection, by, "withdraw announcement", identifier)


def list_announcements(connection: Connection, challenge: str | None = None) -> Sequence[Any]:
    """Those that hold, the newest first; with ``challenge`` those of it and those for all."""
    query = select(announcements).where(announcements.c.withdrawn_at.is_(None))
    if challenge is not None:
        query = query.where(announcements.c.challenge.is_(None) | (announcements.c.challenge == challenge))
    return connection.execute(query.order_by(announcements.c.created_at.desc())).all()

"""Who takes part in a challenge: who has fetched its kit with their token, or has submitted; alone or as a team."""

from __future__ import annotations

import time

from sqlalchemy import ColumnElement, func, select

from participant_kit.gateway.database import Database, insert_missing
from participant_kit.gateway.tables import accounts, participations, submissions


def note_participation(database: Database, challenge: str, person: str) -> None:
    """``person`` has fetched the kit."""
    known = (participations.c.challenge == challenge) & (participations.c.account == person)
    with database.read() as connection:  # who fetches it again disturbs nobody
        if connection.execute(select(participations).where(known)).first():
            return
    with database.write() as connection:
        insert_missing(connection, participations, challenge=challenge, account=person, since=time.time())


def takes_part(challenge: str) -> ColumnElement[bool]:
    """Whether the person of a row of ``accounts`` does."""
    fetched = select(participations.c.account).where(participations.c.challenge == challenge)
    submitted = select(submissions.c.participant).where(submissions.c.challenge == challenge)
    return accounts.c.name.in_(fetched) | func.coalesce(accounts.c.team, accounts.c.name).in_(submitted)

"""Participants and teams, as an organizer sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from participant_kit.gateway.tables import accounts, submissions

PAGE = 200


def list_people(connection: Connection, find: str = "", offset: int = 0, limit: int | None = PAGE) -> Sequence[Any]:
    """Participants, those who wait first, each with the number of submissions that they sent."""
    sent = select(func.count()).where(submissions.c.participant == accounts.c.name)
    query = select(accounts, sent.scalar_subquery().label("submissions"))
    query = query.where(accounts.c.role == "participant", ~accounts.c.is_team)
    if find:
        query = query.where(func.lower(accounts.c.name).contains(find.lower(), autoescape=True))
    first = (accounts.c.state == "waiting").desc()
    return connection.execute(query.order_by(first, accounts.c.name).offset(offset).limit(limit)).all()


def list_teams(connection: Connection) -> Sequence[Any]:
    """Every team, by name."""
    sent = select(func.count()).where(submissions.c.participant == accounts.c.name)
    query = select(accounts, sent.scalar_subquery().label("submissions")).where(accounts.c.is_team)
    return connection.execute(query.order_by(accounts.c.name)).all()

"""Participants and teams, as an organizer sees them: by name, a page at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from participant_kit.gateway.tables import accounts, submissions

PAGE = 50
STATES = ("waiting", "active", "paused")


def list_people(
    connection: Connection, *, find: str = "", state: str = "", after: str = "", limit: int = PAGE
) -> Sequence[Any]:
    """Participants after that name, each with the number of submissions that they sent."""
    return _list(connection, find, state, after, limit, teams=False)


def list_teams(
    connection: Connection, *, find: str = "", state: str = "", after: str = "", limit: int = PAGE
) -> Sequence[Any]:
    """Teams after that name, each with the number of its submissions."""
    return _list(connection, find, state, after, limit, teams=True)


def _list(connection: Connection, find: str, state: str, after: str, limit: int, *, teams: bool) -> Sequence[Any]:
    sent = select(func.count()).where(submissions.c.participant == accounts.c.name)
    query = select(accounts, sent.scalar_subquery().label("submissions")).order_by(accounts.c.name).limit(limit)
    query = query.where(accounts.c.role == "participant", accounts.c.is_team if teams else ~accounts.c.is_team)
    if find:
        query = query.where(func.lower(accounts.c.name).contains(find.lower(), autoescape=True))
    if state:
        query = query.where(accounts.c.state == state)
    return connection.execute(query.where(accounts.c.name > after)).all()


def list_members(connection: Connection, teams: Iterable[str]) -> dict[str, list[str]]:
    """Who is in each of ``teams``."""
    members = defaultdict(list)
    query = select(accounts.c.team, accounts.c.name).where(accounts.c.team.in_(list(teams))).order_by(accounts.c.name)
    for team, name in connection.execute(query):
        members[team].append(name)
    return dict(members)


def count_waiting(connection: Connection) -> int:
    """How many wait for an organizer's approval."""
    waiting = select(func.count()).select_from(accounts).where(accounts.c.state == "waiting")
    return connection.scalar(waiting) or 0

"""Teams. To all others a team is one participant: one quota, one row on the board, one budget of bits.

Who has submitted changes sides no more: else one person would learn what two budgets tell.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, bindparam, exists, insert, select, update

from participant_kit.gateway.accounts import check_free
from participant_kit.gateway.audit import record
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.tables import accounts, submissions

_team_of = select(accounts.c.team).where(accounts.c.name == bindparam("person")).with_for_update()


def make_team(connection: Connection, name: str, by: str) -> None:
    """A team without members. Raises :class:`GatewayError` (409) for a name that is taken."""
    check_free(connection, name)
    values = {"name": name, "role": "participant", "created_at": time.time(), "revision": 0, "state": "active"}
    connection.execute(insert(accounts).values(is_team=True, **values))
    record(connection, by, "make team", name)


def find_team(connection: Connection, name: str) -> Any:
    """The row of a team. Raises :class:`GatewayError` (404)."""
    query = select(accounts).where(accounts.c.name == name, accounts.c.is_team)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise GatewayError(404, "team_unknown", f"There is no team {name!r}.", hint="Make it first.")
    return row


def join_team(connection: Connection, person: str, team: str, by: str) -> None:
    """Put ``person``, who has submitted nothing, into ``team``. Raises :class:`GatewayError`."""
    find_team(connection, team)
    row = _find_free(connection, person)
    if row.team == team:
        return
    connection.execute(update(accounts).where(accounts.c.name == person).values(team=team))
    record(connection, by, "join team", person, team=team)


def leave_team(connection: Connection, person: str, by: str) -> None:
    """Take ``person``, who has submitted nothing, out of their team. Raises :class:`GatewayError`."""
    row = _find_free(connection, person)
    if row.team is not None:
        connection.execute(update(accounts).where(accounts.c.name == person).values(team=None))
        record(connection, by, "leave team", person, team=row.team)


def check_side(connection: Connection, person: str, participant: str, team: str | None) -> None:
    """Raise :class:`GatewayError` (409) unless ``person`` submits as ``participant`` now.

    ``participant``'s account is locked, and is of the team ``team``. ``person``'s is locked too, so that nobody joins
    or leaves while their submission is being stored.
    """
    if person != participant:
        team = connection.scalar(_team_of, {"person": person})
    if (team or person) != participant:
        hint = "Seal it again, for who you submit as now."
        raise GatewayError(409, "team_changed", f"{person} submits as {team or person} now.", hint=hint)


def _find_free(connection: Connection, person: str) -> Any:
    query = select(accounts).where(accounts.c.name == person, accounts.c.role == "participant", ~accounts.c.is_team)
    row = connection.execute(query.with_for_update()).one_or_none()
    if row is None:
        hint = "See the list of participants."
        raise GatewayError(404, "account_unknown", f"There is no participant {person!r}.", hint=hint)
    sides = [side for side in (person, row.team) if side]  # nobody who had submitted has left another one
    sent = submissions.c.participant.in_(sides) & (submissions.c.submitted_by == person)
    if connection.scalar(select(exists().where(sent))):
        message = f"{person} has submitted, and stays: nobody learns what two budgets tell."
        raise GatewayError(409, "has_submitted", message, hint="Pause the account, if it should do nothing more.")
    return row

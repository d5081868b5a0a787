"""What an organizer decides about a submission. They never see its notebook, which is sealed to the runners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, tuple_, update

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.gateway.audit import record
from participant_kit.gateway.challenges import find_challenge
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.leaderboard import recount
from participant_kit.gateway.leases import LENT, RUNNER_LOST
from participant_kit.gateway.news import tell_result
from participant_kit.gateway.submissions import add_bits, change
from participant_kit.gateway.tables import history, results, submissions
from participant_kit.protocol.states import FINAL, State

PAGE = 50


@dataclass
class Stay:
    """For how long a submission was in a state; ``seconds`` of the last one is None."""

    state: str
    since: float
    seconds: float | None
    runner: str | None


def list_all(
    connection: Connection,
    *,
    challenge: str | None = None,
    state: str | None = None,
    participant: str | None = None,
    before: str = "",
    limit: int | None = PAGE,
) -> Sequence[Any]:
    """Everybody's submissions, the newest first; those that were sent before the submission ``before``."""
    moment = (submissions.c.created_at, submissions.c.id)
    query = select(submissions).order_by(*(column.desc() for column in moment)).limit(limit)
    wanted = {"challenge": challenge, "state": state, "participant": participant}
    for name, value in wanted.items():
        if value:
            query = query.where(submissions.c[name] == value)
    if before:
        last = find_any(connection, before)
        query = query.where(tuple_(*moment) < (last.created_at, last.id))
    return connection.execute(query).all()


def find_any(connection: Connection, identifier: str, *, lock: bool = False) -> Any:
    """Anybody's submission. Raises :class:`GatewayError` (404)."""
    query = select(submissions).where(submissions.c.id == identifier)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        hint = "See the list of submissions."
        raise GatewayError(404, "submission_unknown", "There is no submission of this identifier.", hint=hint)
    return row


def read_stays(connection: Connection, identifier: str) -> list[Stay]:
    """The states that it was in, and for how long."""
    query = select(history).where(history.c.submission == identifier).order_by(history.c.version)
    rows = connection.execute(query).all()
    ends: list[float | None] = [row.since for row in rows[1:]]
    return [
        Stay(row.state, row.since, None if end is None else max(0.0, end - row.since), row.runner)
        for row, end in zip(rows, [*ends, None], strict=True)
    ]


def why_not_again(connection: Connection, row: Any) -> str:
    """Why it cannot be run again; empty when it can."""
    state = State(row.state)
    if state in LENT.values() or (state == State.FAILED and row.failure == RUNNER_LOST):
        return ""
    if state == State.QUEUED:
        return "It waits for a runner already."
    if connection.scalar(select(results.c.submission).where(results.c.submission == row.id)):
        return "Its result has left the secure side and is in the ledger: a submission has one. The notebook is gone."
    return "Its notebook is gone. The participant submits it again."


def run_again(connection: Connection, identifier: str, by: str) -> Any:
    """Queue it again, taken from the runner that has it. The row before. Raises :class:`GatewayError` (409)."""
    row = find_any(connection, identifier, lock=True)
    if why := why_not_again(connection, row):
        raise GatewayError(409, "not_again", why, hint="Give its quota back, if the participant is not at fault.")
    values = {"state": State.QUEUED.value, "lost": 0, "failure": None, "counted": True}
    change(connection, row, **values, lease_sha256=None, lease_expires=None)
    if row.state == State.RUNNING:  # who watched it learned that it was not done, as when a lease runs out
        add_bits(connection, row, alphabet_of(find_challenge(connection, row.challenge).card).tick.bits)
    record(connection, by, "run again", identifier, participant=row.participant, was=row.state)
    return row


def give_back(connection: Connection, identifier: str, by: str) -> Any:
    """Let it cost no quota. The bits that it revealed stay counted. The row before."""
    row = find_any(connection, identifier, lock=True)
    if State(row.state) not in FINAL or row.state == State.SCORED:
        raise GatewayError(
            409, "not_failed", "Only what ended without a score is given back.", hint="Wait for its end."
        )
    if row.counted:
        _change(connection, row, counted=False)
        record(connection, by, "give quota back", identifier, participant=row.participant)
    return row


def disqualify(connection: Connection, identifier: str, reason: str | None, by: str, seen: str = "") -> Any:
    """Take it off the board for ``reason``, which its participant sees; None puts it back. The row before.

    Raises :class:`GatewayError`: 409 when it is not of the version ``seen`` any more.
    """
    row = find_any(connection, identifier, lock=True)
    if seen not in ("", str(row.version)):
        hint = "Nothing was done. Look at what it says now, and decide again."
        message = "Another organizer has decided on this submission meanwhile."
        raise GatewayError(409, "changed_meanwhile", message, hint=hint)
    if row.state != State.SCORED:
        raise GatewayError(409, "not_scored", "Only what has a score is disqualified.", hint="It is on no board.")
    if row.disqualified == reason:
        return row
    _change(connection, row, disqualified=reason)  # locks the account, by which boards are ordered
    recount(connection, find_challenge(connection, row.challenge).card, row.phase, row.participant)
    tell_result(connection, row, "scored, and counts again" if reason is None else f"disqualified: {reason}")
    act = "reinstate" if reason is None else "disqualify"
    record(connection, by, act, identifier, participant=row.participant, reason=reason)
    return row


def _change(connection: Connection, row: Any, **values: Any) -> None:
    """As :func:`change`, of what has ended and did so when it did."""
    change(connection, row, **values)
    when = {"updated_at": row.updated_at}
    connection.execute(update(submissions).where(submissions.c.id == row.id).values(when))

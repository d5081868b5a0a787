"""Leases: a submission lent to one runner at a time, and brought to at most one result."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, insert, select, update

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.gateway.accounts import hash_token
from participant_kit.gateway.challenges import find_challenge
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.leaderboard import enter_score
from participant_kit.gateway.metrics import LEASES_LOST
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.submissions import add_bits, change
from participant_kit.gateway.tables import challenges, results, submissions
from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.keys import Role
from participant_kit.protocol.messages import ChallengeInfo, ClaimRequest, Lease
from participant_kit.protocol.receipts import Receipt, verify_with
from participant_kit.protocol.states import State

LENT = {Role.REHEARSAL: State.REHEARSING, Role.BLIND: State.RUNNING}
_HOLDERS_STAGES = ("scoring", "sandbox")
"""What fails there is the holder's, and costs no quota; what it revealed is charged to the release budget."""
RUNNER_LOST = {"stage": "sandbox", "reason": "runner_lost"}
"""The failure that the gateway itself finds. Its notebook is kept for a while: an organizer can have it run again."""
_NO_LEASE: dict[str, Any] = {"lease_sha256": None, "lease_expires": None}


def are_lost(connection: Connection, settings: Settings) -> bool:
    """Whether :func:`end_lost_lease` has something to do."""
    return bool(connection.scalar(select(exists().where(_is_lost(settings)))))


def _is_lost(settings: Settings) -> ColumnElement[bool]:
    """No lease is longer than a lease, also after the clock was put back."""
    now = time.time()
    return (submissions.c.lease_expires < now) | (submissions.c.lease_expires > now + settings.lease)


def end_lost_lease(connection: Connection, settings: Settings) -> Any | None:
    """Queue again what a lost runner held; the row as it is then, None when nothing was lost.

    What was lost too often fails, and is not held against the participant. One at a time: no change locks two accounts.
    """
    row = connection.execute(
        select(submissions).where(_is_lost(settings)).limit(1).with_for_update(skip_locked=True)
    ).one_or_none()
    now = time.time()
    if row is None:
        return None
    if row.lease_expires > now:
        at_most = {"lease_expires": now + settings.lease}
        connection.execute(update(submissions).where(submissions.c.id == row.id).values(at_most))
        return row
    LEASES_LOST.labels(row.challenge, row.waits_for).inc()
    if row.lost + 1 >= settings.max_attempts:
        change(connection, row, state=State.FAILED.value, failure=RUNNER_LOST, counted=False, **_NO_LEASE)
    else:
        change(connection, row, state=State.QUEUED.value, lost=row.lost + 1, **_NO_LEASE)
    if row.waits_for == Role.BLIND.value:  # who watched it learned that it was not done: the ledger counts a tick
        add_bits(connection, row, alphabet_of(find_challenge(connection, row.challenge).card).tick.bits)
    return connection.execute(select(submissions).where(submissions.c.id == row.id)).one()


def fit(connection: Connection, request: ClaimRequest) -> ClaimRequest:
    """``request`` for those of its challenges alone whose limits the runner can keep."""
    most = (request.cpus, request.memory, request.wall_time, request.gpus)
    if not any(has is not None for has in most):
        return request
    fitting = []
    for slug in connection.scalars(select(challenges.c.slug).where(challenges.c.slug.in_(request.challenges))):
        limits = find_challenge(connection, slug).card.limits
        asked = (limits.cpus, limits.memory, limits.wall_time.total_seconds(), limits.gpus)
        if all(has is None or needs <= has for needs, has in zip(asked, most, strict=True)):
            fitting.append(slug)
    return request.model_copy(update={"challenges": fitting})


def is_queued(connection: Connection, request: ClaimRequest) -> bool:
    """Whether :func:`claim` would find something, unless another is quicker."""
    return bool(connection.scalar(select(exists().where(*_fits(request)))))


def _fits(request: ClaimRequest) -> list[ColumnElement[bool]]:
    return [
        submissions.c.challenge.in_(request.challenges),
        submissions.c.waits_for == request.role.value,
        submissions.c.state == State.QUEUED.value,
    ]


def claim(connection: Connection, request: ClaimRequest, settings: Settings) -> tuple[Any, Lease] | None:
    """Lend the next submission: of who has the fewest at work, the oldest. The row and its lease, or None."""
    at_work = Counter(connection.scalars(select(submissions.c.participant).where(submissions.c.lease_expires > 0)))
    row = _oldest(connection, request, submissions.c.participant.not_in(at_work))
    for fewest in sorted(set(at_work.values())) if row is None else ():
        busy = [who for who, number in at_work.items() if number == fewest]
        row = row or _oldest(connection, request, submissions.c.participant.in_(busy))
    if row is None:
        return None
    token, expires = secrets.token_urlsafe(32), time.time() + settings.lease
    change(
        connection,
        row,
        state=LENT[request.role].value,
        attempt=row.attempt + 1,
        runner=request.runner,
        lease_sha256=hash_token(token),
        lease_expires=expires,
    )
    return row, _lease(token, row.attempt + 1, expires, settings)


def _oldest(connection: Connection, request: ClaimRequest, whose: ColumnElement[bool]) -> Any | None:
    """The one of those queued that has waited longest, locked; what another process has locked is not seen."""
    query = select(submissions).where(*_fits(request), whose).order_by(submissions.c.created_at, submissions.c.id)
    return connection.execute(query.limit(1).with_for_update(skip_locked=True)).one_or_none()


def renew_lease(connection: Connection, identifier: str, token: str, settings: Settings) -> Lease:
    """Lend it for another while. Raises :class:`GatewayError` (409) when the lease is not the caller's any more."""
    row = find_lent(connection, identifier, token)
    expires = time.time() + settings.lease
    connection.execute(update(submissions).where(submissions.c.id == identifier).values(lease_expires=expires))
    return _lease(token, row.attempt, expires, settings)


def return_lease(connection: Connection, identifier: str, token: str) -> Any:
    """Queue it again; a runner that says so is not lost. The row before."""
    row = find_lent(connection, identifier, token)
    change(connection, row, state=State.QUEUED.value, **_NO_LEASE)
    return row


def finish_rehearsal(connection: Connection, identifier: str, token: str, *, passed: bool, has_log: bool) -> Any:
    """Send it on to the blind runner, or fail it without using quota. The row before."""
    row = find_lent(connection, identifier, token)
    if row.state != State.REHEARSING:
        raise _lost()
    if passed:
        values = {
            "state": State.QUEUED.value,
            "waits_for": Role.BLIND.value,
            "rehearsed": True,
            "attempt": 0,
            "lost": 0,
        }
    else:
        values = {"state": State.FAILED.value, "has_log": has_log, "counted": False, "failure": {"stage": "rehearsal"}}
    change(connection, row, **values, **_NO_LEASE)
    return row


def finish_blind(connection: Connection, identifier: str, token: str, envelope: dict[str, Any]) -> Any | None:
    """Store the one result of a submission. The row before; None when this very result was stored before.

    Raises :class:`GatewayError`: 409 for a stale token or another result, 422 for a receipt that is not signed
    by the challenge's runner, not of this submission, or of no score that the card has.
    """
    connection.execute(select(submissions.c.id).where(submissions.c.id == identifier).with_for_update())
    known = connection.scalar(select(results.c.envelope).where(results.c.submission == identifier))
    if known is not None:
        if known == envelope:
            return None
        raise GatewayError(409, "result_exists", "This submission has another result already.")
    row = find_lent(connection, identifier, token)
    if row.state != State.RUNNING:
        raise _lost()
    challenge = find_challenge(connection, row.challenge)
    receipt = _read_receipt(envelope, row, challenge)
    outcome = receipt.outcome
    connection.execute(insert(results).values(submission=identifier, envelope=envelope, created_at=time.time()))
    failure = outcome.failure.model_dump(exclude_none=True) if outcome.failure else None
    not_at_fault = outcome.state == "refused" or bool(outcome.failure and outcome.failure.stage in _HOLDERS_STAGES)
    change(
        connection,
        row,
        state=outcome.state,
        scores=outcome.scores,
        failure=failure,
        counted=not not_at_fault,
        **_NO_LEASE,
    )
    add_bits(connection, row, receipt.bits)
    if outcome.scores:
        enter_score(connection, challenge.card, row, outcome.scores)
    return row


def find_lent(connection: Connection, identifier: str, token: str) -> Any:
    """The row of a submission that is lent to the holder of ``token``. Raises :class:`GatewayError` (409)."""
    row = connection.execute(select(submissions).where(submissions.c.id == identifier).with_for_update()).one_or_none()
    if row is None or row.lease_sha256 is None or not secrets.compare_digest(row.lease_sha256, hash_token(token)):
        raise _lost()
    if row.state == State.CANCELLED:
        raise GatewayError(
            409, "cancelled", "The participant has cancelled this submission.", hint="Stop working on it."
        )
    return row


def _read_receipt(envelope: dict[str, Any], row: Any, challenge: ChallengeInfo) -> Receipt:
    try:
        receipt = verify_with(envelope, challenge.keys)
    except ProtocolError as error:
        raise GatewayError(422, "receipt", error.message, hint=error.hint) from None
    bound = (receipt.submission, receipt.challenge, receipt.phase, receipt.participant)
    if bound != (row.id, row.challenge, row.phase, row.participant):
        raise GatewayError(422, "receipt", "The receipt belongs to another submission.")
    outcome, primary = receipt.outcome, challenge.card.primary.name
    if (outcome.state == "scored") != bool(outcome.scores) or primary not in (outcome.scores or [primary]):
        hint = "Let the runner and the gateway have the same card."
        raise GatewayError(422, "receipt", f"A score, and only a score, comes with {primary}.", hint=hint)
    if not 0 <= receipt.bits <= challenge.card.release.budget_bits:
        raise GatewayError(422, "receipt", "The receipt's bits are none that the card allows.")
    return receipt


def _lease(token: str, attempt: int, expires: float, settings: Settings) -> Lease:
    moment = datetime.fromtimestamp(expires, UTC)
    return Lease(token=token, attempt=attempt, expires_at=moment, seconds=settings.lease)


def _lost() -> GatewayError:
    return GatewayError(409, "lease_lost", "This lease has ended.", hint="Stop working on it, and claim anew.")

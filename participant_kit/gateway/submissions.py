"""Submissions: stored once, seen by their participant, cancelled."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.challenge.card import Phase
from participant_kit.gateway.challenges import find_challenge
from participant_kit.gateway.database import insert_missing, tell
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.leaderboard import board_revision
from participant_kit.gateway.news import tell_result
from participant_kit.gateway.quotas import a_day, check_quota, counted
from participant_kit.gateway.tables import accounts, boards, challenges, history, results, submissions
from participant_kit.gateway.teams import check_side
from participant_kit.protocol.identifiers import is_identifier
from participant_kit.protocol.keys import Role
from participant_kit.protocol.messages import ChallengeInfo, Changes, SubmissionStatus
from participant_kit.protocol.receipts import Failure
from participant_kit.protocol.states import FINAL, State

SEALED, LOGS = "sealed", "logs"
SEALING_BYTES = 64 << 10
"""What sealing may add to a notebook."""
PAGE = 1000
"""Submissions in one answer to who asks for changes."""
_with_result = select(submissions, results.c.submission.label("result")).outerjoin(
    results, results.c.submission == submissions.c.id
)
# those of every submission are built once: to build them takes longer than to ask them
_new = insert(submissions).returning(submissions)
_entry = insert(history)
_before_it = (
    select(challenges.c.withdrawn, submissions.c.participant, submissions.c.sealed_sha256)
    .outerjoin(submissions, submissions.c.id == bindparam("identifier"))
    .where(challenges.c.slug == bindparam("what"))
)
_one_with_result = _with_result.where(submissions.c.id == bindparam("identifier"))
_count_revision = (
    update(accounts)
    .where(accounts.c.name == bindparam("who"))
    .values(revision=accounts.c.revision + 1)
    .returning(accounts.c.revision, accounts.c.team)
)
_before = (
    select(func.count())
    .select_from(submissions)
    .where(
        submissions.c.challenge == bindparam("what"),
        submissions.c.waits_for == bindparam("whom"),
        submissions.c.state == State.QUEUED.value,
        submissions.c.created_at < bindparam("moment"),
    )
)
_counts = select(counted.subquery(), _before.scalar_subquery().label("before"))


def sealed_name(submission: str) -> str:
    """A name for the blob of a submission: who sends it again at the same time gets another."""
    return f"{submission}.{secrets.token_hex(8)}"


def find_phase(challenge: ChallengeInfo, name: str | None) -> Phase:
    """The phase that takes submissions now; ``name`` must be it when given. Raises :class:`GatewayError`."""
    now, card = datetime.now(UTC), challenge.card
    phase = card.phase(name) if name else card.open_phase(now)
    if name and phase is None:
        known = ", ".join(each.name for each in card.phases)
        raise GatewayError(404, "phase_unknown", f"{card.slug} has no phase {name!r}.", hint=f"Its phases: {known}.")
    if phase is None or not phase.is_open(now):
        dates = "; ".join(
            f"{each.name} {each.starts:%Y-%m-%d %H:%M} to {each.ends:%Y-%m-%d %H:%M}" for each in card.phases
        )
        which = f"The phase {name!r}" if name else "Every phase"
        raise GatewayError(409, "phase_closed", f"{which} of {card.slug} is closed.", hint=f"Phases (UTC): {dates}.")
    return phase


def check_identifier(identifier: str) -> None:
    """Raise :class:`GatewayError` unless it is a UUID of version 7."""
    if not is_identifier(identifier):
        raise GatewayError(
            422, "identifier", f"{identifier!r} is no identifier of a submission.", hint="Send a UUIDv7."
        )


def _identifier_used() -> GatewayError:
    hint = "Make a new identifier for each submission."
    return GatewayError(409, "identifier_used", "This identifier belongs to another submission.", hint=hint)


def store_submission(
    connection: Connection,
    challenge: ChallengeInfo,
    name: str | None,
    participant: str,
    identifier: str,
    digest: str,
    sealed: str,
    person: str,
) -> tuple[SubmissionStatus, bool]:
    """Count and queue a submission whose blob ``sealed`` is stored already; and False when it is known already.

    ``name`` is that of the phase, of the open one if left out. ``digest`` is the SHA-256 of what is in the blob;
    ``person`` is who sent it, of the team ``participant`` or alone.
    """
    slug = challenge.card.slug
    # first: what one participant sends at once is one after another
    revision, team = _count_change(connection, participant)
    before = connection.execute(_before_it, {"identifier": identifier, "what": slug}).one()
    if before.participant is not None:
        if (before.participant, before.sealed_sha256) != (participant, digest):
            raise _identifier_used()
        return read_status(connection, identifier), False
    check_side(connection, person, participant, team)
    if before.withdrawn:
        raise GatewayError(409, "withdrawn", f"The challenge {slug} was withdrawn.", hint="Its page says why.")
    phase, now = find_phase(challenge, name), time.time()
    role = Role.REHEARSAL if challenge.keys.of(Role.REHEARSAL) else Role.BLIND
    asked = {"who": participant, "what": slug, "when": phase.name, "whom": role.value, "moment": now}
    counts = connection.execute(_counts, asked | a_day()).one()
    check_quota(phase, counts.total, counts.today)
    values = {
        "id": identifier,
        "challenge": slug,
        "phase": phase.name,
        "participant": participant,
        "state": State.QUEUED.value,
        "revision": revision,
        "waits_for": role.value,
        "sealed_sha256": digest,
        "sealed": sealed,
        "created_at": now,
        "updated_at": now,
        "submitted_by": person,
    }
    try:
        row = connection.execute(_new, values).one()
    except IntegrityError:  # somebody else has just taken the identifier
        raise _identifier_used() from None
    _note(connection, identifier, 1, State.QUEUED.value, None)
    tell(connection, *Role)
    return _status(row, 1 + counts.before, has_receipt=False), True


def find_submission(connection: Connection, identifier: str, participant: str, *, lock: bool = False) -> Any:
    """The row of one of ``participant``'s own. Raises :class:`GatewayError` (404), also for another's."""
    mine = (submissions.c.id == identifier) & (submissions.c.participant == participant)
    query = select(submissions).where(mine)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        hint = "See yours with: pkit status"
        raise GatewayError(404, "submission_unknown", "You have no submission of this identifier.", hint=hint)
    return row


def next_revision(connection: Connection, participant: str) -> int:
    """Count one more change of ``participant``'s; the account's row orders those that happen at once."""
    return _count_change(connection, participant)[0]


def _count_change(connection: Connection, participant: str) -> tuple[int, str | None]:
    """And the team of that account."""
    tell(connection, participant)
    row = connection.execute(_count_revision, {"who": participant}).one_or_none()
    return (row.revision, row.team) if row else (0, None)


def change(connection: Connection, row: Any, **values: Any) -> None:
    """Set ``values`` of a submission whose row is locked, and let those who wait see that it changed."""
    revision = next_revision(connection, row.participant)
    if values.get("state") == State.QUEUED.value:
        tell(connection, *Role)
    values |= {"version": row.version + 1, "revision": revision, "updated_at": time.time()}
    connection.execute(update(submissions).where(submissions.c.id == row.id).values(values))
    if "state" in values:
        _note(connection, row.id, row.version + 1, values["state"], values.get("runner"))
        if values["state"] in FINAL and values["state"] != State.CANCELLED:
            tell_result(connection, row, values["state"], values.get("scores"))


def _note(connection: Connection, identifier: str, version: int, state: str, runner: str | None) -> None:
    entry = {"submission": identifier, "version": version, "state": state, "since": time.time(), "runner": runner}
    connection.execute(_entry, entry)


def add_bits(connection: Connection, row: Any, bits: float) -> None:
    """Count what a submission, whose change has just been set, revealed."""
    connection.execute(update(submissions).where(submissions.c.id == row.id).values(bits=submissions.c.bits + bits))
    insert_missing(connection, boards, challenge=row.challenge, phase=row.phase, version=0, bits=0.0)
    board = (boards.c.challenge == row.challenge) & (boards.c.phase == row.phase)
    connection.execute(update(boards).where(board).values(bits=boards.c.bits + bits))


def cancel_submission(connection: Connection, identifier: str, participant: str) -> Any:
    """Take it back; one that is final stays as it is. The row before. A run that had begun on real data counts."""
    row = find_submission(connection, identifier, participant, lock=True)
    if State(row.state) not in FINAL:
        bits = alphabet_of(find_challenge(connection, row.challenge).card).tick.bits
        ran = row.state == State.RUNNING  # that it was not done yet is something the holder's log charges for
        change(connection, row, state=State.CANCELLED.value, counted=ran, lease_expires=None)
        if ran:
            add_bits(connection, row, bits)
    return row


def read_status(connection: Connection, identifier: str) -> SubmissionStatus:
    """What the participant sees."""
    return _statuses(connection, connection.execute(_one_with_result, {"identifier": identifier}).all())[0]


def _statuses(connection: Connection, rows: Sequence[Any]) -> list[SubmissionStatus]:
    """What one participant sees of ``rows``."""
    queued = [row for row in rows if row.state == State.QUEUED]
    if len(queued) == 1:
        one = queued[0]
        queue = {"what": one.challenge, "whom": one.waits_for, "moment": one.created_at}
        places = {one.id: 1 + (connection.scalar(_before, queue) or 0)}
    else:
        places = _places(connection, queued)
    return [_status(row, places.get(row.id), has_receipt=row.result is not None) for row in rows]


def _places(connection: Connection, queued: Sequence[Any]) -> dict[str, int]:
    """Of many the places at once: each queue is gone through no more than once."""
    columns = submissions.c
    places: dict[str, int] = {}
    for challenge in {row.challenge for row in queued}:
        place = func.rank().over(partition_by=columns.waits_for, order_by=columns.created_at).label("place")
        waiting = (columns.challenge == challenge) & (columns.state == State.QUEUED.value)
        queue = select(columns.id, columns.participant, place).where(waiting).subquery()
        mine = select(queue.c.id, queue.c.place).where(queue.c.participant == queued[0].participant)
        places |= {identifier: number for identifier, number in connection.execute(mine)}
    return places


def _status(row: Any, position: int | None, *, has_receipt: bool) -> SubmissionStatus:
    return SubmissionStatus(
        id=row.id,
        challenge=row.challenge,
        phase=row.phase,
        participant=row.participant,
        state=State(row.state),
        version=row.version,
        attempt=row.attempt,
        counted=row.counted,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        updated_at=datetime.fromtimestamp(row.updated_at, UTC),
        rehearsed=row.rehearsed,
        has_log=row.has_log,
        has_receipt=has_receipt,
        scores=row.scores,
        failure=Failure.model_validate(row.failure) if row.failure else None,
        disqualified=row.disqualified,
        queue_position=position,
    )


def list_submissions(connection: Connection, participant: str, challenge: str | None) -> list[SubmissionStatus]:
    """``participant``'s own, newest first."""
    query = _with_result.where(submissions.c.participant == participant)
    if challenge:
        query = query.where(submissions.c.challenge == challenge)
    newest_first = query.order_by(submissions.c.created_at.desc(), submissions.c.id.desc())
    return _statuses(connection, connection.execute(newest_first).all())


def read_changes(connection: Connection, challenge: ChallengeInfo, participant: str, after: int) -> Changes:
    """What changed for ``participant`` after the revision ``after``: a page of it, if it is much."""
    slug = challenge.card.slug
    mine = _with_result.where(submissions.c.participant == participant, submissions.c.challenge == slug)
    later = mine.where(submissions.c.revision > after).order_by(submissions.c.revision).limit(PAGE)
    # In this order: on PostgreSQL each looks anew, and no change may show in the tag alone.
    board = board_revision(connection, slug)
    queued = connection.execute(mine.where(submissions.c.state == State.QUEUED.value)).all()
    changed = connection.execute(later).all()
    rows = {row.id: row for row in changed}
    rows |= {row.id: row for row in queued if row.id not in rows}
    statuses = {status.id: status for status in _statuses(connection, list(rows.values()))}
    places = hashlib.sha256("".join(sorted(f"{row.id}{statuses[row.id].queue_position}," for row in queued)).encode())
    return Changes(
        revision=changed[-1].revision if changed else after,
        tag=f"{challenge.kit_sha256[:16]}.{challenge.open_phase}.{board}.{places.hexdigest()[:16]}",
        submissions=list(statuses.values()),
    )

"""The leaderboard: one row per participant, kept current in the transaction that stores a score."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Subquery, bindparam, case, delete, func, insert, literal, select, update

from participant_kit.challenge.card import Card, Phase
from participant_kit.gateway.database import insert_missing
from participant_kit.gateway.tables import best, boards, records, results, submissions
from participant_kit.protocol.messages import Leaderboard, LeaderboardRow
from participant_kit.protocol.states import State

PAGE = 100
"""Rows of a board in one answer, unless the client asks for another number."""
_version = select(boards.c.version).where(boards.c.challenge == bindparam("of"), boards.c.phase == bindparam("in"))

_other = best.alias()
_better = (
    select(func.count())
    .select_from(_other)
    .where(_other.c.challenge == best.c.challenge, _other.c.phase == best.c.phase, _other.c.rank_by < best.c.rank_by)
)
_own = select(best, (1 + _better.scalar_subquery()).label("rank")).where(
    best.c.challenge == bindparam("of"), best.c.phase == bindparam("in"), best.c.participant == bindparam("who")
)


class BoardPage:
    """A page of a board, ready to be sent. ``version`` is that of what it shows; ``names`` are those on it."""

    def __init__(self, version: str, board: Leaderboard) -> None:
        self.version = version
        self.names = {row.participant for row in board.rows}
        self.is_whole = board.hidden or len(board.rows) == board.participants
        self._body = board.model_dump_json().encode()

    def body_with(self, row: LeaderboardRow | None) -> bytes:
        """The body of the answer, with ``row`` as the last one."""
        if row is None:
            return self._body
        before = self._body.removesuffix(b"]}")  # rows are what a board ends with
        return b"%s%s%s]}" % (before, b"," if self.names else b"", row.model_dump_json().encode())


def enter_score(connection: Connection, card: Card, row: Any, scores: dict[str, float]) -> None:
    """Count the scored submission ``row``, and take its scores when they are the participant's best.

    The participant's account is locked by the change that comes before, and the board by its count of bits.
    """
    rank_by = _rank_by(card, scores)
    key = {"challenge": row.challenge, "phase": row.phase}
    insert_missing(connection, boards, **key, version=0, bits=0.0, since=0.0)
    board = (boards.c.challenge == row.challenge) & (boards.c.phase == row.phase)
    since = connection.scalar(
        update(boards).where(board).values(version=boards.c.version + 1).returning(boards.c.since)
    )
    if row.created_at < (since or 0.0):
        return
    mine = (best.c.challenge == row.challenge) & (best.c.phase == row.phase) & (best.c.participant == row.participant)
    before = connection.execute(select(best).where(mine)).one_or_none()
    values = {"rank_by": rank_by, "scores": scores, "submitted_at": row.created_at}
    if before is None or rank_by < before.rank_by:
        of_all = (best.c.challenge == row.challenge) & (best.c.phase == row.phase)
        lead = connection.scalar(select(func.min(best.c.rank_by)).where(of_all))
        record = {"submission": row.id, "participant": row.participant, "entered_at": time.time(), **key, **values}
        connection.execute(insert(records).values(leads=lead is None or rank_by < lead, **record))
    if before is None:
        connection.execute(insert(best).values(**key, participant=row.participant, submissions=1, **values))
    else:
        better = values if rank_by < before.rank_by else {}
        connection.execute(update(best).where(mine).values(submissions=before.submissions + 1, **better))


def _rank_by(card: Card, scores: dict[str, float]) -> float:
    score = scores[card.primary.name]
    return -score if card.primary.higher_is_better else score


def recount(connection: Connection, card: Card, phase: str, participant: str) -> None:
    """Find the best of ``participant`` anew, who is locked, without what is disqualified.

    Where a mechanism of the card repeats the best score, what was scored after a disqualified one and says the same
    is its echo, and does not count either.
    """
    mine = [
        submissions.c.challenge == card.slug,
        submissions.c.phase == phase,
        submissions.c.participant == participant,
    ]
    board = (boards.c.challenge == card.slug) & (boards.c.phase == phase)
    counting = update(boards).where(board).values(version=boards.c.version + 1).returning(boards.c.since)
    since = connection.scalar(counting) or 0.0
    column = submissions.c
    columns = select(column.id, column.scores, column.created_at, column.disqualified, results.c.created_at.label("at"))
    scored = columns.join(results, results.c.submission == submissions.c.id).where(
        *mine, submissions.c.state == State.SCORED.value, submissions.c.created_at >= since
    )
    echoes: list[dict[str, float]] = []
    kept = []
    for row in connection.execute(scored.order_by(results.c.created_at, submissions.c.id)):
        if row.disqualified is not None:
            echoes += [row.scores] if card.release.leaderboard_mechanism != "rounded" else []
        elif row.scores not in echoes:
            kept.append(row)
    own = (best.c.challenge == card.slug) & (best.c.phase == phase) & (best.c.participant == participant)
    connection.execute(delete(best).where(own))
    _record_again(connection, card, phase, participant, since, kept)
    if kept:
        first = min(kept, key=lambda row: (_rank_by(card, row.scores), row.created_at))
        values = {"rank_by": _rank_by(card, first.scores), "scores": first.scores, "submitted_at": first.created_at}
        key = {"challenge": card.slug, "phase": phase, "participant": participant}
        connection.execute(insert(best).values(**key, submissions=len(kept), **values))


def _record_again(
    connection: Connection, card: Card, phase: str, participant: str, since: float, kept: list[Any]
) -> None:
    """Let the boards of days, too, have ``participant`` with what was ``kept`` alone."""
    key = {"challenge": card.slug, "phase": phase}
    of_board = (records.c.challenge == card.slug) & (records.c.phase == phase) & (records.c.submitted_at >= since)
    connection.execute(delete(records).where(of_board, records.c.participant == participant))
    reached = float("inf")
    for row in kept:
        rank_by = _rank_by(card, row.scores)
        if rank_by < reached:
            reached = rank_by
            values = {"submission": row.id, "participant": participant, "entered_at": row.at, "rank_by": rank_by}
            values |= {"scores": row.scores, "submitted_at": row.created_at, "leads": False}
            connection.execute(insert(records).values(**key, **values))
    lead = float("inf")
    for row in connection.execute(select(records).where(of_board).order_by(records.c.entered_at)).all():
        if row.leads != (row.rank_by < lead):
            this = records.c.submission == row.submission
            connection.execute(update(records).where(this).values(leads=row.rank_by < lead))
        lead = min(lead, row.rank_by)


def empty_board(connection: Connection, challenge: str, phase: str) -> None:
    """Begin the board of a phase anew: what was submitted until now is not on it any more."""
    now = time.time()
    insert_missing(connection, boards, challenge=challenge, phase=phase, version=0, bits=0.0, since=now)
    board = (boards.c.challenge == challenge) & (boards.c.phase == phase)
    connection.execute(update(boards).where(board).values(version=boards.c.version + 1, since=now))
    connection.execute(delete(best).where(best.c.challenge == challenge, best.c.phase == phase))


def board_version(connection: Connection, challenge: str, phase: str) -> int:
    """A number that changes with every score."""
    return connection.scalar(_version, {"of": challenge, "in": phase}) or 0


def board_revision(connection: Connection, challenge: str) -> int:
    """A number that changes with every score in any phase of ``challenge``."""
    return connection.scalar(select(func.sum(boards.c.version)).where(boards.c.challenge == challenge)) or 0


def read_board(
    connection: Connection, card: Card, phase: Phase, offset: int = 0, limit: int | None = PAGE
) -> Leaderboard:
    """A page of the board, best first; without rows while it is hidden."""
    on_board = (best.c.challenge == card.slug) & (best.c.phase == phase.name)
    board = Leaderboard(
        challenge=card.slug,
        phase=phase.name,
        primary=card.primary.name,
        higher_is_better=card.primary.higher_is_better,
        hidden=phase.leaderboard == "hidden",
        participants=connection.scalar(select(func.count()).select_from(best).where(on_board)) or 0,
        rows=[],
    )
    if board.hidden:
        return board
    in_order = select(best).where(on_board).order_by(best.c.rank_by, best.c.submitted_at, best.c.participant)
    rank, previous = 0, None
    for place, row in enumerate(connection.execute(in_order.offset(offset).limit(limit)), offset + 1):
        if previous is None:
            rank = connection.execute(_own, _key(card, phase, row.participant)).one().rank
        elif row.rank_by != previous:
            rank = place
        previous = row.rank_by
        board.rows.append(_row(row, rank))
    return board


def read_own_row(connection: Connection, card: Card, phase: Phase, participant: str) -> LeaderboardRow | None:
    """The row of ``participant``, whichever page it is on; None without one, and while the board is hidden."""
    if phase.leaderboard == "hidden":
        return None
    row = connection.execute(_own, _key(card, phase, participant)).one_or_none()
    return None if row is None else _row(row, row.rank)


RANK, PARTICIPANT, SUBMITTED, SUBMISSIONS = "rank", "participant", "submitted", "submissions"
"""By what a board can be ordered, beside its metrics."""


@dataclass(frozen=True)
class Order:
    """``by`` one of :data:`RANK` and its like, or a metric; the best of it first, or the worst."""

    by: str = RANK
    worst_first: bool = False


@dataclass(frozen=True)
class Standing:
    """The board of a phase as it is, or as it was at ``until`` (seconds since 1970), in any order."""

    card: Card
    phase: Phase
    until: float | None = None

    def count(self, connection: Connection) -> int:
        """How many are on it."""
        if self.until is None:
            return connection.scalar(select(func.count()).select_from(best).where(self._of(best))) or 0
        known = (self._recorded(), records.c.entered_at < self.until)
        return connection.scalar(select(func.count(records.c.participant.distinct())).where(*known)) or 0

    def version(self, connection: Connection) -> str:
        """Another text when the board is another; that of a day that is over stays, but when a score is taken away."""
        if self.until is None:
            return str(board_version(connection, self.card.slug, self.phase.name))
        leading = func.count(case((records.c.leads, 1)))
        known = (self._recorded(), records.c.entered_at < self.until)
        return str(connection.execute(select(func.count(), func.sum(records.c.rank_by), leading).where(*known)).one())

    def rows(
        self, connection: Connection, order: Order | None = None, offset: int = 0, limit: int | None = None
    ) -> Iterator[LeaderboardRow]:
        """The rows from ``offset`` on, each with its rank by the primary metric."""
        order, ranked = order or Order(), self._ranked()
        column = ranked.c
        by: Any = {PARTICIPANT: column.participant, SUBMITTED: column.submitted_at, SUBMISSIONS: column.submissions}
        down = order.worst_first
        if order.by == RANK:
            wanted = column.rank_by
        elif order.by in by:
            wanted = by[order.by]
        else:
            metric = next(metric for metric in self.card.metrics if metric.name == order.by)
            wanted, down = column.scores[metric.name].as_float(), metric.higher_is_better != order.worst_first
        first = (wanted.desc() if down else wanted.asc()).nulls_last()
        query = select(ranked).order_by(first, column.rank_by, column.submitted_at, column.participant)
        for row in connection.execute(query.offset(offset).limit(limit)):
            yield _row(row, row.rank)

    def row_of(self, connection: Connection, participant: str) -> LeaderboardRow | None:
        """The row of one participant."""
        ranked = self._ranked()
        row = connection.execute(select(ranked).where(ranked.c.participant == participant)).one_or_none()
        return None if row is None else _row(row, row.rank)

    def count_before(self, connection: Connection, participant: str) -> int:
        """How many rows stand before that of ``participant``, in the order of ranks."""
        each = self._all()
        order = (each.c.rank_by, each.c.submitted_at, each.c.participant)
        placed = select(each.c.participant, func.row_number().over(order_by=order).label("place")).subquery()
        return (connection.scalar(select(placed.c.place).where(placed.c.participant == participant)) or 1) - 1

    def leads(self, connection: Connection) -> list[tuple[float, str, float]]:
        """Whenever somebody led who had not been as good: when, who, and the primary score."""
        return self._history(connection, records.c.leads)

    def records_of(self, connection: Connection, participant: str) -> list[tuple[float, str, float]]:
        """Whenever one participant was better than before: when, who, and the primary score."""
        return self._history(connection, records.c.participant == participant)

    def _history(self, connection: Connection, which: Any) -> list[tuple[float, str, float]]:
        sign = -1 if self.card.primary.higher_is_better else 1
        query = select(records).where(self._recorded(), which).order_by(records.c.entered_at)
        if self.until is not None:
            query = query.where(records.c.entered_at < self.until)
        return [(row.entered_at, row.participant, sign * row.rank_by) for row in connection.execute(query)]

    def _of(self, table: Any) -> Any:
        return (table.c.challenge == self.card.slug) & (table.c.phase == self.phase.name)

    def _recorded(self) -> Any:
        """Of the records those of the board that there was then: it may have begun anew."""
        since = select(boards.c.since).where(self._of(boards)).scalar_subquery()
        then = literal(self.until if self.until is not None else time.time() + 86400)
        return self._of(records) & ((records.c.submitted_at >= since) | (then <= since))

    def _all(self) -> Subquery:
        """Each participant's best."""
        if self.until is None:
            return select(best).where(self._of(best)).subquery()
        column, known = records.c, (self._recorded(), records.c.entered_at < self.until)
        least = func.min(column.rank_by).label("least")
        top = select(column.participant, least).where(*known).group_by(column.participant).subquery()
        is_top = (column.participant == top.c.participant) & (column.rank_by == top.c.least)
        return select(records, literal(0).label("submissions")).join(top, is_top).where(*known).subquery()

    def _ranked(self) -> Subquery:
        each = self._all()
        return select(each, func.rank().over(order_by=each.c.rank_by).label("rank")).subquery()


def _key(card: Card, phase: Phase, participant: str) -> dict[str, str]:
    return {"of": card.slug, "in": phase.name, "who": participant}


def _row(row: Any, rank: int) -> LeaderboardRow:
    return LeaderboardRow(
        rank=rank,
        participant=row.participant,
        scores=row.scores,
        submitted_at=datetime.fromtimestamp(row.submitted_at, UTC),
        submissions=row.submissions,
    )

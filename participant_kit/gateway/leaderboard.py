"""The leaderboard: one row per participant, kept current in the transaction that stores a score."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from participant_kit.challenge.card import Card, Phase
from participant_kit.gateway.database import insert_missing
from participant_kit.gateway.tables import best, boards
from participant_kit.protocol.messages import Leaderboard, LeaderboardRow


def enter_score(connection: Connection, card: Card, row: Any, scores: dict[str, float]) -> None:
    """Count the scored submission ``row``, and take its scores when they are the participant's best.

    The participant's account is locked by the change that comes before.
    """
    rank_by = -scores[card.primary.name] if card.primary.higher_is_better else scores[card.primary.name]
    key = {"challenge": row.challenge, "phase": row.phase}
    mine = (best.c.challenge == row.challenge) & (best.c.phase == row.phase) & (best.c.participant == row.participant)
    before = connection.execute(select(best).where(mine)).one_or_none()
    values = {"rank_by": rank_by, "scores": scores, "submitted_at": row.created_at}
    if before is None:
        connection.execute(insert(best).values(**key, participant=row.participant, submissions=1, **values))
    else:
        better = values if rank_by < before.rank_by else {}
        connection.execute(update(best).where(mine).values(submissions=before.submissions + 1, **better))
    insert_missing(connection, boards, **key, version=0, bits=0.0)
    board = (boards.c.challenge == row.challenge) & (boards.c.phase == row.phase)
    connection.execute(update(boards).where(board).values(version=boards.c.version + 1))


def board_version(connection: Connection, challenge: str, phase: str) -> int:
    """A number that changes with every score."""
    query = select(boards.c.version).where((boards.c.challenge == challenge) & (boards.c.phase == phase))
    return connection.scalar(query) or 0


def board_revision(connection: Connection, challenge: str) -> int:
    """A number that changes with every score in any phase of ``challenge``."""
    return connection.scalar(select(func.sum(boards.c.version)).where(boards.c.challenge == challenge)) or 0


def read_board(connection: Connection, card: Card, phase: Phase) -> Leaderboard:
    """The board, best first; without rows while it is hidden."""
    query = select(best).where((best.c.challenge == card.slug) & (best.c.phase == phase.name))
    rows = connection.execute(query.order_by(best.c.rank_by, best.c.submitted_at)).all()
    board = Leaderboard(
        challenge=card.slug,
        phase=phase.name,
        primary=card.primary.name,
        higher_is_better=card.primary.higher_is_better,
        hidden=phase.leaderboard == "hidden",
        participants=len(rows),
        rows=[],
    )
    if board.hidden:
        return board
    rank, previous = 0, None
    for place, row in enumerate(rows, 1):
        rank = rank if row.rank_by == previous else place
        previous = row.rank_by
        moment = datetime.fromtimestamp(row.submitted_at, UTC)
        board.rows.append(
            LeaderboardRow(
                rank=rank,
                participant=row.participant,
                scores=row.scores,
                submitted_at=moment,
                submissions=row.submissions,
            )
        )
    return board

"""Quotas per phase and day, counted in the transaction that uses them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, case, func, select

from participant_kit.challenge.card import Card, Phase
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.tables import boards, submissions
from participant_kit.protocol.messages import Quota

_column = submissions.c
_today = (_column.created_at >= bindparam("midnight")) & (_column.created_at < bindparam("next_midnight"))
_mine = (
    (_column.participant == bindparam("who"))
    & (_column.challenge == bindparam("what"))
    & (_column.phase == bindparam("when"))
)
_revealed = select(func.sum(_column.bits)).where(_mine)
_counted = select(func.count(), func.count(case((_today, 1)))).select_from(submissions).where(_mine, _column.counted)


def read_quota(connection: Connection, card: Card, phase: Phase, participant: str) -> Quota:
    """What ``participant`` has used of ``phase``. A day is a day in UTC."""
    total, today = _count(connection, card, phase, participant)
    of_all = connection.scalar(select(func.sum(boards.c.bits)).where(boards.c.challenge == card.slug)) or 0.0
    revealed = connection.scalar(_revealed, {"who": participant, "what": card.slug, "when": phase.name}) or 0.0
    return Quota(
        phase=phase.name,
        used_today=today,
        per_day=phase.per_day,
        used_total=total,
        total=phase.total,
        resets_at=_midnight() + timedelta(days=1),
        revealed_bits=round(revealed, 3),
        budget_bits=card.release.budget_bits,
        challenge_bits=round(of_all, 3),
        challenge_budget_bits=card.release.challenge_budget_bits,
        data_budget_bits=card.release.data_budget_bits,
    )


def _midnight() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _count(connection: Connection, card: Card, phase: Phase, participant: str) -> tuple[int, int]:
    """How many were counted in all, and today.

    A clock that was put back has left some of tomorrow's: they are for tomorrow to count.
    """
    midnight = _midnight()
    day = {"midnight": midnight.timestamp(), "next_midnight": (midnight + timedelta(days=1)).timestamp()}
    whose = {"who": participant, "what": card.slug, "when": phase.name}
    total, of_today = connection.execute(_counted, whose | day).one()
    return total, of_today


def check_quota(connection: Connection, card: Card, phase: Phase, participant: str) -> None:
    """Raise :class:`GatewayError` (429) when nothing is left."""
    used, today = _count(connection, card, phase, participant)
    if phase.total is not None and used >= phase.total:
        message = f"You have used all {phase.total} submissions of the phase {phase.name}."
        raise GatewayError(429, "quota_spent", message, hint="Wait for the next phase.")
    if phase.per_day is not None and today >= phase.per_day:
        message = f"You have used all {phase.per_day} submissions of today in the phase {phase.name}."
        resets_at = _midnight() + timedelta(days=1)
        raise GatewayError(429, "quota_spent", message, hint=f"The count resets at {resets_at:%Y-%m-%d %H:%M} UTC.")

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
counted = (
    select(func.count().label("total"), func.count(case((_today, 1))).label("today"))
    .select_from(submissions)
    .where(_mine, _column.counted)
)
"""How many of ``who`` in the phase ``when`` of the challenge ``what`` count, in all and ``today``; see :func:`a_day`.

A clock that was put back has left some of tomorrow's: they are for tomorrow to count.
"""


def read_quota(connection: Connection, card: Card, phase: Phase, participant: str) -> Quota:
    """What ``participant`` has used of ``phase``. A day is a day in UTC."""
    whose = {"who": participant, "what": card.slug, "when": phase.name}
    total, today = connection.execute(counted, whose | a_day()).one()
    of_all = connection.scalar(select(func.sum(boards.c.bits)).where(boards.c.challenge == card.slug)) or 0.0
    revealed = connection.scalar(_revealed, whose) or 0.0
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


def a_day() -> dict[str, float]:
    """When today began and ends, as :data:`counted` has it."""
    midnight = _midnight()
    return {"midnight": midnight.timestamp(), "next_midnight": (midnight + timedelta(days=1)).timestamp()}


def check_quota(phase: Phase, used: int, today: int) -> None:
    """Raise :class:`GatewayError` (429) when nothing is left."""
    if phase.total is not None and used >= phase.total:
        message = f"You have used all {phase.total} submissions of the phase {phase.name}."
        raise GatewayError(429, "quota_spent", message, hint="Wait for the next phase.")
    if phase.per_day is not None and today >= phase.per_day:
        message = f"You have used all {phase.per_day} submissions of today in the phase {phase.name}."
        resets_at = _midnight() + timedelta(days=1)
        raise GatewayError(429, "quota_spent", message, hint=f"The count resets at {resets_at:%Y-%m-%d %H:%M} UTC.")

"""Quotas per phase and day, counted in the transaction that uses them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, case, func, select

from participant_kit.challenge.card import Card, Phase
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.tables import boards, submissions
from participant_kit.protocol.messages import Quota


def read_quota(connection: Connection, card: Card, phase: Phase, participant: str) -> Quota:
    """What ``participant`` has used of ``phase``. A day is a day in UTC."""
    total, today = _count(connection, card, phase, participant)
    of_all = connection.scalar(select(func.sum(boards.c.bits)).where(boards.c.challenge == card.slug)) or 0.0
    mine = _mine(card, phase, participant)
    revealed = connection.scalar(select(func.sum(submissions.c.bits)).where(mine)) or 0.0
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


def _mine(card: Card, phase: Phase, participant: str) -> ColumnElement[bool]:
    columns = submissions.c
    return (columns.participant == participant) & (columns.challenge == card.slug) & (columns.phase == phase.name)


def _midnight() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _count(connection: Connection, card: Card, phase: Phase, participant: str) -> tuple[int, int]:
    """How many were counted in all, and today.

    A clock that was put back has left some of tomorrow's: they are for tomorrow to count.
    """
    midnight, created = _midnight(), submissions.c.created_at
    today = (created >= midnight.timestamp()) & (created < (midnight + timedelta(days=1)).timestamp())
    counts = select(func.count(), func.count(case((today, 1)))).select_from(submissions)
    counted = counts.where(_mine(card, phase, participant), submissions.c.counted)
    total, of_today = connection.execute(counted).one()
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

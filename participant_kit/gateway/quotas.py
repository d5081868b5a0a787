"""Quotas per phase and day, counted in the transaction that uses them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, select

from participant_kit.challenge.card import Card, Phase
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.tables import submissions
from participant_kit.protocol.messages import Quota


def count_quota(connection: Connection, card: Card, phase: Phase, participant: str) -> Quota:
    """What ``participant`` has used of ``phase``, in submissions. A day is a day in UTC."""
    midnight = datetime.fromtimestamp(time.time(), UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    mine = _of(card, phase, participant) & submissions.c.counted
    total = connection.scalar(select(func.count()).select_from(submissions).where(mine)) or 0
    tomorrow = midnight + timedelta(days=1)
    # a clock that was put back has left some of tomorrow's: they are for tomorrow to count
    created = submissions.c.created_at
    today = mine & (created >= midnight.timestamp()) & (created < tomorrow.timestamp())
    return Quota(
        phase=phase.name,
        used_today=connection.scalar(select(func.count()).select_from(submissions).where(today)) or 0,
        per_day=phase.per_day,
        used_total=total,
        total=phase.total,
        resets_at=tomorrow,
    )


def read_quota(connection: Connection, card: Card, phase: Phase, participant: str) -> Quota:
    """The same with what was revealed, in bits: a sum over the whole challenge, which no submission has to wait for."""
    revealed, of_all = (
        connection.scalar(select(func.sum(submissions.c.bits)).where(rows)) or 0.0
        for rows in (_of(card, phase, participant), submissions.c.challenge == card.slug)
    )
    bits = {
        "revealed_bits": round(revealed, 3),
        "budget_bits": card.release.budget_bits,
        "challenge_bits": round(of_all, 3),
        "challenge_budget_bits": card.release.challenge_budget_bits,
        "data_budget_bits": card.release.data_budget_bits,
    }
    return count_quota(connection, card, phase, participant).model_copy(update=bits)


def _of(card: Card, phase: Phase, participant: str) -> ColumnElement[bool]:
    """The rows of one participant in one phase."""
    table = submissions.c
    return (table.participant == participant) & (table.challenge == card.slug) & (table.phase == phase.name)


def check_quota(quota: Quota) -> None:
    """Raise :class:`GatewayError` (429) when nothing is left."""
    if quota.total is not None and quota.used_total >= quota.total:
        message = f"You have used all {quota.total} submissions of the phase {quota.phase}."
        raise GatewayError(429, "quota_spent", message, hint="Wait for the next phase.")
    if quota.per_day is not None and quota.used_today >= quota.per_day:
        message = f"You have used all {quota.per_day} submissions of today in the phase {quota.phase}."
        raise GatewayError(
            429, "quota_spent", message, hint=f"The count resets at {quota.resets_at:%Y-%m-%d %H:%M} UTC."
        )

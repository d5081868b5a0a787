"""Identifiers that sort in time: UUID version 7 (RFC 9562)."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat


def new_identifier() -> str:
    """A new identifier, as 36 characters of text."""
    return str(uuid_utils.compat.uuid7())


def is_identifier(text: str) -> bool:
    """Whether ``text`` is one, in the form that :func:`new_identifier` writes."""
    try:
        parsed = UUID(text)
    except ValueError:
        return False
    return str(parsed) == text and parsed.version == 7


def time_of(identifier: str) -> datetime | None:
    """When ``identifier`` was made, by the clock of who made it; None for what is no identifier."""
    if not is_identifier(identifier):
        return None
    try:
        return datetime.fromtimestamp((UUID(identifier).int >> 80) / 1000, UTC)
    except (ValueError, OverflowError):  # 48 bits of ms go beyond the year 9999
        return None

"""Identifiers that sort in time: UUID version 7 (RFC 9562)."""

from __future__ import annotations

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

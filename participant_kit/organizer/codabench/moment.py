"""Dates in the forms that Codabench takes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import yaml
from dateutil import parser
from pydantic import BeforeValidator

MOMENT = timedelta(seconds=1)
"""Codabench's phases lie at least this far apart, where ours follow each other at once."""

_EXPECTED = "a date with its year, for example 2026-01-31, or a time in UTC, for example 2026-01-31 12:00:00"


def read_moment(value: Any) -> datetime:
    """``value`` as Codabench's organizers write it, in UTC: a YAML date or time, ISO, or the month first.

    A time without a zone is UTC. Raises ``ValueError`` for what is no whole date.
    """
    if isinstance(value, str):
        # what the text leaves out is taken from the default: a text with two readings is no whole date
        first, second = (_parse(value, datetime(year, month, day)) for year, month, day in ((2000, 1, 1), (2004, 2, 2)))
        if first != second:
            raise ValueError(_EXPECTED)
        value = first
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ValueError(_EXPECTED)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _parse(text: str, default: datetime) -> datetime:
    try:
        parsed: datetime = parser.parse(text, default=default)
        return parsed
    except (ValueError, OverflowError, TypeError):
        raise ValueError(_EXPECTED) from None


def theirs_of(text: str, quoted: bool) -> datetime:
    """What Codabench itself makes of ``text``: the day alone of an unquoted YAML time, and never its zone."""
    value = text if quoted else yaml.safe_load(text)
    if isinstance(value, date):  # a time is one too
        return datetime.combine(value, time(), UTC)
    return _parse(str(value), datetime(2000, 1, 1)).replace(tzinfo=UTC)


def write_moment(value: datetime) -> str:
    """``value`` as text, which Codabench reads to the second; of an unquoted YAML time it reads the day alone."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


Moment = Annotated[datetime, BeforeValidator(read_moment)]

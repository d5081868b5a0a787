"""Durations and sizes as people write them: ``30 min``, ``4 GiB``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, ByteSize, PlainSerializer, TypeAdapter, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "min": 60, "h": 3600, "hour": 3600, "day": 86400, "d": 86400, "week": 604800}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)
_SIZE = re.compile(r"\s*\d+(?:\.\d+)?\s*(?:[kmgtp]i?)?b\s*", re.IGNORECASE)
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def parse_duration(text: Any) -> timedelta:
    """Read ``"30 min"`` as a timedelta. Raises ``ValueError`` with an example when it cannot."""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    unit = match and (_SECONDS.get(match[2].lower()) or _SECONDS.get(match[2].lower().removesuffix("s")))
    if not match or not unit:
        raise ValueError('expected a duration with its unit, for example "30 min", "90 s" or "2 h"')
    try:
        return timedelta(seconds=float(match[1]) * unit)
    except OverflowError:
        raise ValueError("expected a shorter duration") from None


def format_duration(value: timedelta) -> str:
    """The shortest exact text that :func:`parse_duration` reads back."""
    for unit in ("day", "h", "min", "s", "ms"):
        step = timedelta(seconds=_SECONDS[unit])
        if not value % step:
            return f"{value // step} {unit}"
    return f"{value.total_seconds():.6f}".rstrip("0") + " s"


def _parse_size(text: Any) -> Any:
    if not isinstance(text, ByteSize) and not (isinstance(text, str) and _SIZE.fullmatch(text)):
        raise ValueError('expected a size with its unit, for example "4 GiB" or "200 MB"')
    return text


def parse_size(text: str) -> int:
    """Read ``"4 GiB"`` as bytes. Raises ``ValueError`` with an example when it cannot."""
    return int(TypeAdapter(Size).validate_python(_parse_size(text)))


def format_size(value: int) -> str:
    """The shortest exact text that the card reads back, in binary units."""
    size, unit = value, 0
    while size and size % 1024 == 0 and unit < len(_SIZES) - 1:
        size, unit = size // 1024, unit + 1
    return f"{size} {_SIZES[unit]}"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["30 min"], "description": "A duration with its unit."}),
]
Size = Annotated[
    ByteSize,
    BeforeValidator(_parse_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["4 GiB"], "description": "A size in bytes with its unit."}),
]

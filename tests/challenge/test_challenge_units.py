"""Durations and sizes: what people write is read exactly, and nothing is guessed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from participant_kit.challenge.units import Size, format_duration, format_size, parse_duration

SIZE = TypeAdapter(Size)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30 min", 1800), ("90s", 90), ("2 hours", 7200), ("1.5 h", 5400), ("100 ms", 0.1), ("2 Days", 172800)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["30", "min", "", "30 parsecs", "-3 s", "1 e9 s", 30, None, True, "3 s s", "1 sss"])
def test_a_duration_without_a_unit_is_refused_with_an_example(text: Any) -> None:
    with pytest.raises(ValueError, match="30 min"):
        parse_duration(text)


def test_a_duration_longer_than_time_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        parse_duration("9" * 40 + " weeks")


@given(st.timedeltas(timedelta(0), timedelta(days=10_000)))
def test_a_duration_that_was_written_is_read_back(value: timedelta) -> None:
    assert abs(parse_duration(format_duration(value)) - value) <= timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "size"), [("4 GiB", 4 << 30), ("200 MB", 200_000_000), ("10mib", 10 << 20), ("7 B", 7)]
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert SIZE.validate_python(text) == size


@pytest.mark.parametrize("text", ["4", 4, "4 G", "", "-1 GiB", True, 4.0, "4 GiB of memory"])
def test_a_size_without_a_unit_is_refused_with_an_example(text: Any) -> None:
    with pytest.raises(ValidationError, match="4 GiB"):
        SIZE.validate_python(text)


@given(st.integers(0, 1 << 50))
def test_a_size_that_was_written_is_read_back(value: int) -> None:
    assert SIZE.validate_python(format_size(value)) == value


def test_an_m_is_neither_a_minute_nor_a_millisecond() -> None:
    with pytest.raises(ValueError, match="30 min"):
        parse_duration("30 m")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(days=2), "2 day"),
        (timedelta(hours=36), "36 h"),
        (timedelta(minutes=30), "30 min"),
        (timedelta(milliseconds=1500), "1500 ms"),
        (timedelta(microseconds=1), "0.000001 s"),
    ],
)
def test_a_duration_is_written_in_its_largest_whole_unit(value: timedelta, text: str) -> None:
    assert format_duration(value) == text


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1000, "1000 B"), (1 << 20, "1 MiB"), (3 << 29, "1536 MiB")])
def test_a_size_is_written_in_its_largest_whole_binary_unit(size: int, text: str) -> None:
    assert format_size(size) == text

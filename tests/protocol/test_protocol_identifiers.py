"""Identifiers are UUIDs of version 7 in one spelling, and sort by when they were made."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from participant_kit.protocol.identifiers import is_identifier, new_identifier, time_of

VALID = "01900000-0000-7000-8000-00000000abcd"


def test_new_identifiers_differ_and_sort_in_the_order_of_their_making() -> None:
    made = [new_identifier() for _ in range(2000)]
    assert made == sorted(set(made))


def test_a_new_identifier_is_valid_and_holds_the_time() -> None:
    made = new_identifier()
    assert is_identifier(made)
    moment = time_of(made)
    assert moment and abs(moment.timestamp() - time.time()) < 60


@pytest.mark.parametrize("text", ["", "s-1", "ffffffff-ffff-7000-8000-00000000abcd"])
def test_what_has_no_time_that_can_be_told_has_none(text: str) -> None:
    assert time_of(text) is None


def test_the_example_of_this_file_is_valid() -> None:
    assert is_identifier(VALID)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "../../etc/passwd",
        VALID.upper(),
        VALID.replace("-", ""),
        f"{{{VALID}}}",
        f"urn:uuid:{VALID}",
        f"{VALID}\n",
        f" {VALID}",
        VALID + "0",
        VALID[:-1],
        VALID[:-1] + "g",
        VALID[:-1] + "\u0661",  # a digit to int(), in Arabic
        VALID[:-3] + "b_d",
        VALID.replace("-7", "-4"),
        VALID.replace("-7", "-1"),
        VALID.replace("-8", "-0"),
        VALID.replace("-8", "-c"),
        str(UUID(int=0)),
    ],
)
def test_any_other_text_is_no_identifier(text: str) -> None:
    assert not is_identifier(text)

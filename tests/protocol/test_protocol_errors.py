"""Errors say what to do next, programs can tell them apart, and no terminal is steered by another machine."""

from __future__ import annotations

import pytest

from participant_kit.challenge.errors import KitError
from participant_kit.protocol.errors import UNREACHABLE, GatewayError, ProtocolError, printable


def test_an_error_is_its_message_and_its_next_step() -> None:
    error = ProtocolError("The kit was changed.", hint="Download it again.")
    assert str(error) == "The kit was changed. Download it again."
    assert str(ProtocolError("The kit was changed.")) == "The kit was changed."


def test_every_error_of_this_zone_can_be_caught_as_one() -> None:
    assert isinstance(GatewayError("No.", code="x"), ProtocolError)
    assert issubclass(ProtocolError, KitError)


@pytest.mark.parametrize(
    ("code", "status", "may_pass", "is_refusal"),
    [
        (UNREACHABLE, None, True, False),
        ("tls", None, False, False),
        ("down", 500, True, False),
        ("down", 503, True, False),
        ("no_token", 400, False, True),
        ("quota", 429, False, True),
        ("quota", 499, False, True),
        ("redirect", 302, False, False),
    ],
)
def test_what_may_pass_is_tried_again_and_a_refusal_is_not(
    code: str, status: int | None, may_pass: bool, is_refusal: bool
) -> None:
    error = GatewayError("No.", code=code, status=status)
    assert (error.code, error.may_pass, error.is_refusal) == (code, may_pass, is_refusal)


@pytest.mark.parametrize("harmful", ["\x1b", "\x07", "\x00", "\x9b", "\r", "\b", "\x7f", "\u202e", "\u2028", "\ud800"])
def test_what_steers_a_terminal_becomes_a_space(harmful: str) -> None:
    assert printable(f"a{harmful}b") == "a b"


@pytest.mark.parametrize("text", ["", "two\nlines", "naïve, 日本語, €"])
def test_what_is_plain_stays(text: str) -> None:
    assert printable(text) == text


def test_what_is_long_is_cut() -> None:
    assert printable("x" * 5000) == "x" * 2000
    assert printable("xyz", 2) == "xy"

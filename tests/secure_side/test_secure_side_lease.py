"""A held lease is renewed through trouble, and ends on time whatever hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from participant_kit.protocol.errors import UNREACHABLE, GatewayError
from participant_kit.protocol.messages import Claim, Lease, LeaseToken
from participant_kit.secure_side.lease import HeldLease
from participant_kit.secure_side.outlet import Outlet

SECONDS = 0.6


class Gateway(Outlet):
    """Answers each renewal by what ``answer`` does; counts them."""

    def __init__(self, answer: Callable[[int], None]) -> None:
        self.answer, self.asked = answer, 0

    def renew(self, submission: str, token: LeaseToken) -> Lease:
        self.asked += 1
        self.answer(self.asked)
        return lease()


def lease() -> Lease:
    return Lease(token="t", attempt=1, expires_at=datetime.now(UTC), seconds=SECONDS)


def claim() -> Claim:
    return Claim(submission="s", challenge="small", phase="p", participant="ada", lease=lease(), sealed=b"")


def unreachable(_: int = 0) -> None:
    raise GatewayError("It cannot be reached.", code=UNREACHABLE)


def test_a_lease_ends_on_time_while_a_renewal_hangs() -> None:
    goes_on = threading.Event()
    began = time.monotonic()
    with HeldLease(Gateway(lambda _: void(goes_on.wait(10))), claim()) as held:
        assert held.ended.wait(5)
        assert SECONDS <= time.monotonic() - began < SECONDS + 0.5
        assert not held.cancelled
        goes_on.set()


def test_a_renewal_that_fails_is_tried_again_before_the_lease_has_ended() -> None:
    gateway = Gateway(lambda count: unreachable() if count == 1 else None)
    with HeldLease(gateway, claim()) as held:
        assert not held.ended.wait(2 * SECONDS)
    assert gateway.asked > 2


def test_a_gateway_that_stays_away_ends_it() -> None:
    with HeldLease(Gateway(unreachable), claim()) as held:
        assert held.ended.wait(5)


@pytest.mark.parametrize("code", ["cancelled", "lease_lost"])
def test_a_refusal_ends_it_at_once(code: str) -> None:
    def refuse(_: int) -> None:
        raise GatewayError("No.", code=code, status=409)

    with HeldLease(Gateway(refuse), claim()) as held:
        assert held.ended.wait(SECONDS)
        assert held.cancelled is (code == "cancelled")


def void(_: object) -> None:
    """A function of what it does alone."""

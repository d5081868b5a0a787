"""Whose old token is tried again and again cannot log in from there; no stranger locks anybody out."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from browser_world import Browser, both
from gateway_world import API, World

from participant_kit.gateway import limits, lockouts
from participant_kit.gateway.accounts import create_token

THERE, HERE = "203.0.113.7", "198.51.100.1"


def lose(world: World, who: str = "ada") -> tuple[Browser, str]:
    """Log in, end the token, which somebody else has, and make another; the session, and the token that has ended."""
    browser, lost = Browser(world, host=HERE).log_in(who), world.tokens[who]
    browser.send("/account/tokens/end")
    world.tokens[who] = create_token(world.data, who, "participant", database=world.database)
    return browser, lost


def sign_in(browser: Browser, token: str, status: int = 422) -> str:
    browser.go("/login")
    return browser.send("/login", status, token=token)


@pytest.mark.attack("guessing")
@both
def test_who_tries_a_token_that_has_ended_too_often_is_locked_out_of_its_account(world: World) -> None:
    _, lost = lose(world)
    thief = Browser(world, host=THERE)
    for _ in range(lockouts.MOST):
        sign_in(thief, lost)
        assert "expired" in thief.faults[0]
    sign_in(thief, lost)
    assert "tried too often from your address" in thief.faults[0] and "15 minutes" in thief.faults[0]
    sign_in(thief, world.tokens["ada"])  # had they the right one, too
    assert "tried too often" in thief.faults[0]
    world.auth("bob")
    Browser(world, host=THERE).log_in("bob")  # it is of one account alone


@pytest.mark.attack("lock-out")
@both
def test_the_owner_of_a_token_that_somebody_has_found_goes_on(world: World) -> None:
    session, lost = lose(world)
    thief = Browser(world, host=THERE)
    for _ in range(lockouts.MOST + 1):
        sign_in(thief, lost)
    session.go("/account")
    Browser(world, host=HERE).log_in("ada")
    assert world.client.get(f"{API}/me", headers=world.auth("ada")).status_code == 200
    assert world.submit("ada").status_code == 200


@both
def test_an_organizer_sees_what_is_locked_and_unlocks_it_and_both_are_in_the_audit_log(world: World) -> None:
    _, lost = lose(world)
    organizer = Browser(world).log_in("org", "organizer", "/desk/people")
    assert "Locked" not in organizer.text
    thief = Browser(world, host=THERE)
    for _ in range(lockouts.MOST + 2):
        sign_in(thief, lost)
    organizer.go("/desk/people")
    assert f"ada {THERE} {lockouts.MOST}" in organizer.text
    organizer.send("/people/unlock")
    assert "Locked" not in organizer.text
    Browser(world, host=THERE).log_in("ada")
    organizer.go("/desk/people/teams")
    organizer.send("/people/teams", team="foxes")  # a second time there is nothing to unlock
    acts = world.query("SELECT account, act, subject FROM audit WHERE act LIKE '%lock login' ORDER BY id")
    assert acts == [("gateway", "lock login", "ada"), ("org", "unlock login", "ada")]
    assert THERE not in str(world.query("SELECT detail FROM audit"))  # that log is for ever


@pytest.mark.attack("lock-out")
def test_no_stranger_locks_anybody_out(world: World) -> None:
    """A token that was never one names nobody."""
    world.auth("ada")
    for number in range(4 * lockouts.MOST):
        host = f"203.0.113.{number}"
        for token in ("pkit_ada", "ada", "pkit_" + "A" * 43, world.tokens["ada"][:-1] + "x"):
            sign_in(Browser(world, host=host), token)
    assert world.query("SELECT * FROM lockouts") == []
    Browser(world, host="203.0.113.1").log_in("ada")


def test_a_lock_ends_by_itself_and_its_address_is_forgotten(world: World, clock: Callable[[float], None]) -> None:
    _, lost = lose(world)
    thief = Browser(world, host=THERE)
    for _ in range(2):
        sign_in(thief, lost)
    clock(lockouts.WITHIN + 1)
    for _ in range(lockouts.MOST - 1):
        sign_in(thief, lost)  # they are counted anew
    Browser(world, host=THERE).log_in("ada")
    sign_in(thief, lost)
    sign_in(thief, lost)
    assert "tried too often" in thief.faults[0]
    clock(lockouts.LOCKED + 1)
    Browser(world, host=THERE).log_in("ada")
    clock(lockouts.KEPT + 1)
    _, other = lose(world, "bob")
    sign_in(Browser(world, host=HERE), other)
    assert world.query("SELECT account, address FROM lockouts") == [("bob", HERE)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass for what counts failures."""
    passed = 0.0

    class Clock:
        @staticmethod
        def time() -> float:
            return time.time() + passed

    def wait(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(lockouts, "time", Clock)
    return wait


@pytest.mark.attack("guessing")
def test_who_has_a_whole_network_of_version_6_is_one_address(world: World) -> None:
    for number in range(int(limits.ALLOWED["login"].split()[0])):
        sign_in(Browser(world, host=f"2001:db8:1:2::{number:x}"), "pkit_wrong")
    sign_in(Browser(world, host="2001:db8:1:2:ffff::1"), "pkit_wrong", 429)
    sign_in(Browser(world, host="2001:db8:1:3::1"), "pkit_wrong")
    for number in range(int(limits.ALLOWED["login"].split()[0])):
        sign_in(Browser(world, host="192.0.2.1" if number % 2 else "::ffff:192.0.2.1"), "pkit_wrong")
    sign_in(Browser(world, host="192.0.2.1"), "pkit_wrong", 429)
    sign_in(Browser(world, host="192.0.2.2"), "pkit_wrong")

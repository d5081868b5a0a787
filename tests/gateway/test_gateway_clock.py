"""The gateway's clock jumps a day, to and fro: no submission is lost, no quota, and nobody is locked out for long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from gateway_world import API, World

from participant_kit.gateway import accounts, leases, quotas, submissions
from participant_kit.gateway.accounts import create_token

DAY, LEASE = 86400.0, 1.0


class Clock:
    """The gateway's, set by the test."""

    def __init__(self) -> None:
        self.now = time.time() // DAY * DAY + DAY / 2

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    for module in (accounts, leases, quotas, submissions):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=clock.time))
    yield clock


def used(world: World) -> tuple[int, int]:
    quota = world.client.get(f"{API}/challenges/small/quota", headers=world.auth("ada")).json()
    return quota["used_today"], quota["used_total"]


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_runner_that_renews_keeps_its_lease_whichever_way_the_clock_jumps(
    world: World, clock: Clock, jump: float
) -> None:
    world.submit()
    claim = world.claim()
    clock.now += jump
    assert claim and world.lease("renew", claim).status_code == 200
    assert world.claim() is None
    assert world.finish(claim).status_code == 204


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_runner_that_is_gone_keeps_nothing_longer_than_a_lease(world: World, clock: Clock, jump: float) -> None:
    world.submit()
    gone = world.claim()
    clock.now += jump
    taken = world.claim()
    if jump < 0:
        assert taken is None
        clock.now += LEASE + 0.1
        taken = world.claim()
    assert gone and taken and taken.submission == gone.submission
    assert world.finish(gone).status_code == 409
    assert world.finish(taken).status_code == 204


def test_a_day_s_quota_is_that_of_the_day_it_was_used_on(world: World, clock: Clock) -> None:
    for _ in range(10):
        assert world.submit().status_code == 200
    assert (world.submit().status_code, used(world)) == (429, (10, 10))
    clock.now -= DAY
    assert (used(world), world.submit().status_code) == ((0, 10), 200)
    clock.now += DAY
    assert (world.submit().status_code, used(world)) == (429, (10, 11))
    clock.now += DAY
    assert (used(world), world.submit().status_code) == ((0, 11), 200)


def test_a_token_that_seemed_to_have_expired_is_good_again_when_the_clock_is(world: World, clock: Clock) -> None:
    world.tokens["ada"] = create_token(world.data, "ada", "participant", 1, world.database)
    for jump, status in ((0, 200), (DAY + 1, 401), (-DAY - 1, 200), (-DAY, 200)):
        clock.now += jump
        assert world.client.get(f"{API}/me", headers=world.auth("ada")).status_code == status


def test_what_was_submitted_before_the_clock_went_back_keeps_its_place(world: World, clock: Clock) -> None:
    """Only the order among those who wait suffers: each is claimed, and each has its own result."""
    for jump in (0, -DAY, DAY):
        clock.now += jump
        assert world.submit().status_code == 200
    claims = [world.claim() for _ in range(3)]
    assert len({claim.submission for claim in claims if claim}) == 3
    for claim in claims:
        assert claim and world.finish(claim).status_code == 204

"""The simulation of many participants and workers agrees with theory, and with the gateway's own choice of the next."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from gateway_world import World, make_kit
from support import CARD

from participant_kit.gateway.app import create_app
from participant_kit.gateway.settings import Settings

SCALING = Path(__file__).parents[2] / "benchmarks" / "scaling.py"
spec = importlib.util.spec_from_file_location("scaling", SCALING)
assert spec and spec.loader
scaling = sys.modules["scaling"] = importlib.util.module_from_spec(spec)  # its folder has names of real packages
spec.loader.exec_module(scaling)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with TestClient(create_app(Settings(tmp_path / "gateway"))) as client:
        made = World(client, tmp_path / "gateway")
        made.publish(make_kit(tmp_path / "kit", CARD.replace(b", per_day: 10, total: 100", b"")))
        yield made


@pytest.mark.parametrize(("workers", "load"), [(1, 0.7), (5, 4.0)])
def test_waits_are_those_of_erlang_where_there_is_a_formula(workers: int, load: float) -> None:
    random, number = np.random.default_rng(3), 40_000
    arrivals, seconds = np.cumsum(random.exponential(1 / load, number)), random.exponential(1, number)
    jobs = [
        scaling.Job(float(at), who, (("blind", float(s)),))
        for who, (at, s) in enumerate(zip(arrivals, seconds, strict=True))
    ]
    waited, _ = scaling.simulate(jobs, {"blind": workers})
    chance = scaling.erlang_c(workers, load)
    assert (waited > 1e-9).mean() == pytest.approx(chance, rel=0.03)
    assert waited.mean() == pytest.approx(chance / (workers - load), rel=0.1)


def test_a_table_of_erlang_c_is_met() -> None:
    assert scaling.erlang_c(1, 0.5) == pytest.approx(0.5)
    assert scaling.erlang_c(2, 1.0) == pytest.approx(1 / 3)


def test_of_who_has_the_fewest_at_work_the_oldest_is_next() -> None:
    many, one = [scaling.Job(0.0, 1, (("blind", 10.0),))] * 4, scaling.Job(1.0, 2, (("blind", 10.0),))
    fair, _ = scaling.simulate([*many, one], {"blind": 2})
    first_come, _ = scaling.simulate([*many, one], {"blind": 2}, fair=False)
    assert list(fair) == [0, 0, 10, 20, 9]
    assert list(first_come) == [0, 0, 10, 10, 19]


def test_the_next_is_the_one_that_the_gateway_lends(world: World) -> None:
    random, at_work = np.random.default_rng(1), Counter[int]()
    queue, numbers, lent = scaling.Queue(at_work, True), dict[str, int](), []
    for number in range(24):
        person = int(random.choice(3, p=[0.6, 0.3, 0.1]))
        status = world.submit(f"p{person}").json()
        numbers[status["id"]] = number
        queue.add(person, number, number)
        if number % 3 == 2:
            claim = world.claim()
            assert claim and numbers[claim.submission] == queue.take()
            at_work[int(claim.participant[1:])] += 1
            lent.append(claim)
        if len(lent) > 4:
            ended = lent.pop(int(random.integers(len(lent))))
            assert world.finish(ended).status_code == 204
            at_work[int(ended.participant[1:])] -= 1
        for each in range(3):
            queue.offer(each)
    assert max(at_work.values()) > 1


def test_a_submission_goes_through_its_roles_in_turn_and_none_is_lost() -> None:
    jobs = scaling.draw_jobs(scaling.Scenario("rush", scaling.rush(2_000), scaling.small))
    waited, ended = scaling.simulate(jobs, {"rehearsal": 1, "blind": 1})
    worked = np.array([sum(seconds for _, seconds in job.stages) for job in jobs])
    assert ended == pytest.approx(np.array([job.arrival for job in jobs]) + waited + worked)
    assert waited.max() > 0


def test_a_rush_grows_towards_its_end() -> None:
    arrivals = scaling.rush(30_000)(np.random.default_rng(0))
    by_hour = np.histogram(arrivals, bins=24, range=(0, scaling.DAY))[0]
    assert by_hour.sum() == 30_000
    assert by_hour[-1] > 3 * by_hour[-2] > 3 * by_hour[-3]


def test_what_is_left_to_look_for_itself_makes_watchers_cheap() -> None:
    now, before = (scaling.limits(all_woken=all_woken) for all_woken in (False, True))
    assert now["watchers, 20 idle runners"] > 3 * before["watchers, 20 idle runners"]
    assert all(now[name] >= before[name] for name in now)

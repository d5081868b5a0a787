"""Who attacks through code for an ingestion program: the reference data, the scoring program, the shared folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from corpus import EVERY, TASKS, Attack, alone, attacks
from task_world import HONEST, BesideWorld, TaskWorld
from world import ended, is_expected


def opened(world: TaskWorld) -> Iterator[TaskWorld]:
    try:
        world.open()
        yield world
    finally:
        world.close()


@pytest.fixture(scope="module")
def task_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskWorld]:
    yield from opened(TaskWorld(tmp_path_factory.mktemp("tasks")))


@pytest.fixture(scope="module")
def beside_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskWorld]:
    yield from opened(BesideWorld(tmp_path_factory.mktemp("beside")))


def holds(world: TaskWorld, attack: Attack) -> str:
    """Run code of the corpus; returns how it ended. Fails unless it ended as expected and nothing got out."""
    submission = world.attack(attack)
    assert world.found() == []
    assert is_expected(ended(submission), attack.outcomes), (ended(submission), world.log_of("blind"))
    if ended(submission) == "scored":
        assert submission.scores == HONEST, "it got hold of something"
    assert submission.status.attempt == 1
    assert all(part.poll() is None for part in world.parts.values()), "something of ours has died"
    return ended(submission)


BEFORE = [one for one in attacks(TASKS) if one.options.get("house") != "beside"]
BESIDE = [one for one in attacks(TASKS) if one.options.get("house") == "beside"]


@pytest.mark.parametrize("attack", alone(BEFORE), ids=lambda one: one.name)
def test_code_for_ingestion_gets_hold_of_nothing(
    task_world: TaskWorld, attack: Attack, record_property: Callable[[str, object], None]
) -> None:
    record_property("outcome", holds(task_world, attack))


@pytest.mark.skipif(not EVERY, reason="a house more; make attacks runs it, and tests of the execution try each wall")
@pytest.mark.parametrize("attack", BESIDE, ids=lambda one: one.name)
def test_code_beside_scoring_gets_hold_of_nothing(
    beside_world: TaskWorld, attack: Attack, record_property: Callable[[str, object], None]
) -> None:
    record_property("outcome", holds(beside_world, attack))
    assert not list(Path("/dev/shm").glob(f"pkit-shared-{beside_world.parts['blind'].pid}-*"))

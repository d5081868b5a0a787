"""Notebooks that look for a way out: the network, the kernel, the machine, other people's things, the next run."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from corpus import NOTEBOOKS, Attack, alone, attacks, together
from house import processes, wait_until
from world import World

INSIDE = attacks(NOTEBOOKS, "network", "kernel", "bomb", "host", "private", "survive")
LOOKING = together(INSIDE)
GROUPS = 6


@pytest.fixture
def at_rest(world: World) -> int:
    """How many processes a runner has that has nothing to do: itself, templates, sandboxes that wait."""
    runner, seen = world.parts["blind"].pid, [0, 1, 2]
    if not world.ran:
        world.honest_run()

    def steady() -> bool:
        seen.append(len(processes("", runner)))
        time.sleep(0.3)
        return len(set(seen[-3:])) == 1

    wait_until(steady, 30, "the number of processes is steady")
    return seen[-1]


@pytest.mark.parametrize("attack", alone(INSIDE), ids=lambda one: one.name)
def test_nothing_of_the_data_gets_out(
    world: World, attack: Attack, at_rest: int, record_property: Callable[[str, object], None]
) -> None:
    if before := attack.options.get("after"):
        world.attack(next(one for one in attacks(NOTEBOOKS) if one.name == before))
    record_property("outcome", world.holds(attack))
    runner = world.parts["blind"].pid
    wait_until(lambda: len(processes("", runner)) == at_rest, 10, f"{at_rest} processes, as before, are left")
    assert not processes("pkit-survivor", runner)


@pytest.mark.parametrize("number", range(GROUPS if LOOKING else 0))
def test_who_looks_around_gets_hold_of_nothing(world: World, number: int) -> None:
    world.holds_together(LOOKING[number::GROUPS])

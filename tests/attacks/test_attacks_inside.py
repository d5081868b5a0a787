"""Notebooks that look for a way out: the network, the kernel, the machine, other people's things, the next run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from corpus import NOTEBOOKS, Attack, alone, attacks, together
from house import processes, wait_until
from world import World

INSIDE = attacks(NOTEBOOKS, "network", "kernel", "bomb", "host", "private", "survive")
LOOKING = together(INSIDE)
GROUPS = 6


@pytest.mark.parametrize("attack", alone(INSIDE), ids=lambda one: one.name)
def test_nothing_of_the_data_gets_out(
    world: World, attack: Attack, record_property: Callable[[str, object], None]
) -> None:
    if before := attack.options.get("after"):
        world.attack(next(one for one in attacks(NOTEBOOKS) if one.name == before))
    record_property("outcome", world.holds(attack))
    runner = world.parts["blind"].pid
    wait_until(lambda: not processes("pkit-survivor|guest.py|ipykernel", runner), 5, "no process is left")


@pytest.mark.parametrize("number", range(GROUPS if LOOKING else 0))
def test_who_looks_around_gets_hold_of_nothing(world: World, number: int) -> None:
    world.holds_together(LOOKING[number::GROUPS])

"""Notebooks that look for a way out: the network, the kernel, the machine, other people's things, the next run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from corpus import NOTEBOOKS, Attack, attacks
from house import processes, wait_until
from world import World

FAMILIES = ("network", "kernel", "bomb", "host", "private", "survive")


@pytest.mark.parametrize("attack", attacks(NOTEBOOKS, *FAMILIES), ids=lambda one: one.name)
def test_nothing_of_the_data_gets_out(
    world: World, attack: Attack, record_property: Callable[[str, object], None]
) -> None:
    if before := attack.options.get("after"):
        world.attack(next(one for one in attacks(NOTEBOOKS) if one.name == before))
    record_property("outcome", world.holds(attack))
    runner = world.parts["blind"].pid
    wait_until(lambda: not processes("pkit-survivor|guest.py|ipykernel", runner), 5, "no process is left")

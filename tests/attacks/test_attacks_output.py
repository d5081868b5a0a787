"""Notebooks that speak: through what they put out, their score, their predictions, their time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from corpus import EVERY, NOTEBOOKS, Attack, alone, attacks, together
from world import World

SPEAKING = [one for one in attacks(NOTEBOOKS, "output", "score", "predictions", "time") if not one.strict]


@pytest.mark.parametrize("attack", alone(SPEAKING), ids=lambda one: one.name)
def test_nothing_of_the_data_gets_out(
    world: World, attack: Attack, record_property: Callable[[str, object], None]
) -> None:
    record_property("outcome", world.holds(attack))


@pytest.mark.skipif(EVERY, reason="each is run alone")
def test_who_only_speaks_is_not_heard(world: World) -> None:
    world.holds_together(together(SPEAKING))


def test_results_leave_right_after_a_tick(world: World) -> None:
    late = world.all_lateness()
    if len(late) < 20:
        pytest.skip("too few of the attacks above were run to tell")
    assert late[len(late) // 2] < 0.3, "at any time, it would be 0.5"

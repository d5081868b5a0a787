"""Notebooks that speak: through what they put out, their score, their predictions, their time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from corpus import NOTEBOOKS, Attack, attacks
from world import World


@pytest.mark.parametrize(
    "attack", attacks(NOTEBOOKS, "output", "score", "predictions", "time"), ids=lambda one: one.name
)
def test_nothing_of_the_data_gets_out(
    world: World, attack: Attack, record_property: Callable[[str, object], None]
) -> None:
    record_property("outcome", world.holds(attack))

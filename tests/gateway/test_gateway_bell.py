"""Where many wait, a change wakes who it concerns, and all look less often."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from participant_kit.gateway import bell as bells
from participant_kit.gateway.bell import FEW, LOOKS, Bell


def looks_of(people: int, *rung: str, seconds: float) -> Counter[str]:
    """Who looks how often within ``seconds`` after names were rung, of ``people`` who wait."""
    looks: Counter[str] = Counter()

    async def wait(bell: Bell, name: str) -> None:
        async def look() -> None:
            looks[name] += 1

        await bell.wait_for(name, look, 60)

    async def live() -> None:
        bell = Bell()
        bell.open()
        waiting = [asyncio.create_task(wait(bell, f"p{number}")) for number in range(people)]
        await asyncio.sleep(0.1)
        looks.clear()
        bell.ring(*rung)
        await asyncio.sleep(seconds)
        for task in waiting:
            task.cancel()

    asyncio.run(live())
    return looks


def test_where_few_wait_a_change_wakes_them_all() -> None:
    assert looks_of(FEW, "p0", seconds=0.2) == {f"p{number}": 1 for number in range(FEW)}


def test_where_many_wait_a_change_wakes_who_it_concerns() -> None:
    assert looks_of(FEW + 10, "p0", "nobody", seconds=0.2) == {"p0": 1}


def test_who_wait_together_look_no_more_often_than_the_gateway_bears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bells, "LOOK_EVERY", 0.01)
    looks = looks_of(2 * LOOKS, "nobody", seconds=1)  # each may look every two seconds
    assert looks and max(looks.values()) == 1

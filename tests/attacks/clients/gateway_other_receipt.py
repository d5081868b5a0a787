# tries: shows the receipt of another, better submission of the same person
# success: the participant takes its score for this one's
# wall: a receipt names submission, notebook and phase, and is compared with what was sent
# expect: held
from __future__ import annotations

import json
from pathlib import Path

import pytest
from wire import Exchange
from world import World

from participant_kit.challenge.errors import KitError


def attack(world: World, folder: Path) -> None:
    better = world.honest_run()
    worse = world.honest_run("leaked.append(1)")
    assert better.scores != worse.scores
    envelope = json.dumps(better.envelope()).encode()
    scores = better.scores

    def lie(exchange: Exchange) -> None:
        if exchange.status == 200 and exchange.path.endswith(f"{worse.id}/receipt"):
            exchange.answer = envelope
        elif exchange.status == 200 and worse.id in exchange.path:
            exchange.answer = json.dumps({**json.loads(exchange.answer), "scores": scores}).encode()

    (world.home / "data" / "submissions" / worse.id / "receipt.json").unlink(missing_ok=True)
    for kept in world.home.rglob("*receipt*"):
        if worse.id in str(kept):
            kept.unlink()
    with world.wire.lying(lie), pytest.raises(KitError, match="differs"):
        _ = world.client().submission(worse.id).scores

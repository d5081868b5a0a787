# tries: gives the runner another person's sealed notebook under this submission
# success: that notebook's result is shown to somebody else
# wall: what is sealed names challenge, phase, participant and submission, and must say the same
# expect: held
from __future__ import annotations

import json
from pathlib import Path

from house import wait_until
from wire import Exchange
from world import World


def attack(world: World, folder: Path) -> None:
    world.submit("1 / 0").wait(60)
    claims = [one for one in world.wire.exchanges if one.path.endswith("/claims") and one.answer not in (b"", b"null")]
    other = json.loads(claims[-1].answer)
    released = len(world.egress())

    def lie(exchange: Exchange) -> None:
        if exchange.status == 200 and exchange.path.endswith("/claims") and exchange.answer not in (b"", b"null"):
            claim = json.loads(exchange.answer)
            claim["sealed"] = other["sealed"]
            exchange.answer = json.dumps(claim).encode()

    with world.wire.lying(lie):
        submission = world.submit("1 / 0")
        wait_until(lambda: len(world.egress()) > released, 30, "the runner has answered")
    (line,) = world.egress()[released:]
    assert {field.name: field.value for field in line.fields}["state"] == "refused"
    assert line.bits == 0
    submission.wait(30)

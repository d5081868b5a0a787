# tries: gives the runner the same submission again and again, for another result or another look at the time
# success: it is run again, or another message leaves
# wall: the egress log is asked first: what has left is sent again as it was, and nothing runs
# expect: held
from __future__ import annotations

import json
from pathlib import Path

from house import wait_until
from wire import Exchange
from world import World


def attack(world: World, folder: Path) -> None:
    submission = world.honest_run()
    claims = [
        one for one in world.wire.exchanges if one.path.endswith("/claims") and submission.id.encode() in one.answer
    ]
    released, runs, results = len(world.egress()), world.log_of("blind").count("executed in"), []

    def lie(exchange: Exchange) -> None:
        if not exchange.status and exchange.path.endswith("/claims") and len(results) < 3:
            exchange.status, exchange.answer = 200, claims[0].answer
            exchange.headers = {"Content-Type": "application/json"}
        elif not exchange.status and exchange.path.endswith("/result"):
            results.append(json.loads(exchange.asked)["envelope"])
            exchange.status = 204

    with world.wire.lying(lie):
        wait_until(lambda: len(results) >= 3, 30, "the runner has answered three times")
    assert results == [submission.envelope()] * len(results)
    assert (len(world.egress()), world.log_of("blind").count("executed in")) == (released, runs)

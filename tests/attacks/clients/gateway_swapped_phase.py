# tries: gives the runner the notebook as one of another phase, whose rows are still hidden
# success: a score of the final rows
# wall: the phase is sealed with the notebook
# expect: held
from __future__ import annotations

import json
from pathlib import Path

from house import wait_until
from wire import Exchange
from world import World


def attack(world: World, folder: Path) -> None:
    released = len(world.egress())

    def lie(exchange: Exchange) -> None:
        if exchange.status == 200 and exchange.path.endswith("/claims") and exchange.answer not in (b"", b"null"):
            claim = json.loads(exchange.answer)
            claim["phase"] = "final"
            exchange.answer = json.dumps(claim).encode()

    with world.wire.lying(lie):
        submission = world.submit("1 / 0")
        wait_until(lambda: len(world.egress()) > released, 30, "the runner has answered")
    (line,) = world.egress()[released:]
    assert {field.name: field.value for field in line.fields}["state"] == "refused"
    assert line.bits == 0
    submission.wait(30)

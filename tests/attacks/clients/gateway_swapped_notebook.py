# tries: gives the runner another person's sealed notebook under this submission
# success: that notebook's result is shown to somebody else
# wall: what is sealed names challenge, phase, participant and submission, and must say the same
# expect: held
from __future__ import annotations

import json
from pathlib import Path

from liar import swapped_claim_is_refused
from world import World


def attack(world: World, folder: Path) -> None:
    world.submit("1 / 0").wait(60)
    claims = [one for one in world.wire.exchanges if one.path.endswith("/claims") and one.answer not in (b"", b"null")]
    swapped_claim_is_refused(world, "sealed", json.loads(claims[-1].answer)["sealed"])

# tries: gives the runner the notebook as one of another person, whose budget is not spent
# success: the bits are counted to somebody else
# wall: the participant is sealed with the notebook
# expect: held
from __future__ import annotations

from pathlib import Path

from liar import swapped_claim_is_refused
from world import World


def attack(world: World, folder: Path) -> None:
    swapped_claim_is_refused(world, "participant", "bea")

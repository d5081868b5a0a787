# tries: gives the runner the notebook as one of another phase, whose rows are still hidden
# success: a score of the final rows
# wall: the phase is sealed with the notebook
# expect: held
from __future__ import annotations

from pathlib import Path

from liar import swapped_claim_is_refused
from world import World


def attack(world: World, folder: Path) -> None:
    swapped_claim_is_refused(world, "phase", "final")

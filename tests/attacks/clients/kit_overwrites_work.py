# tries: publishes a kit that replaces the participant's own notebooks
# success: their work is gone, or runs what somebody else wrote
# wall: a notebook that is there already is never overwritten
# expect: held
from __future__ import annotations

from pathlib import Path

from liar import offering
from world import World


def attack(world: World, folder: Path) -> None:
    kit = world.client().join("small", folder / "kit", kernel=False)
    own = kit.notebooks_dir / "mine.ipynb"
    own.write_text("mine")
    with offering(world, {"starter_notebooks/mine.ipynb": b"evil"}):
        world.client().join("small", folder / "kit", kernel=False)
    assert own.read_text() == "mine"

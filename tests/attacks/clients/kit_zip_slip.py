# tries: publishes a kit whose files climb out of its folder
# success: a file is written elsewhere
# wall: every path, size and digest is checked before anything is written
# expect: held
from __future__ import annotations

from pathlib import Path

import pytest
from liar import offering
from world import World

from participant_kit.challenge.errors import KitError


def attack(world: World, folder: Path) -> None:
    for name in (
        "../evil",
        "/tmp/pkit-evil",
        "a/../../evil",
        "..\\evil",
        "C:/evil",
        "starter_notebooks/../../evil",
        "evil\n",
        ".",
    ):
        with offering(world, {name: b"evil"}), pytest.raises(KitError):
            world.client().join("small", folder / "kit", kernel=False)
        assert list(folder.rglob("*")) == [] and not Path("/tmp/pkit-evil").exists()

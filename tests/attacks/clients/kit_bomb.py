# tries: publishes a kit that is small and unpacks to gigabytes, or says so only of itself
# success: the participant's disk or memory is full
# wall: every path, size and digest is checked before anything is written
# expect: held
from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from liar import offering
from world import World

from participant_kit.challenge.errors import KitError


def attack(world: World, folder: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for i in range(20):
            archive.writestr(f"sample_data/{i}", bytes(60 << 20))
    with offering(world, buffer.getvalue()), pytest.raises(KitError, match="larger than"):
        world.client().join("small", folder / "kit", kernel=False)
    assert list(folder.rglob("*")) == []

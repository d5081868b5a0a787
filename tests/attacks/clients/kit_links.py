# tries: publishes a kit with links, devices and a file in the place of a folder
# success: a link is followed when the next file is written
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
    for mode in (0o120777, 0o020666, 0o010666, 0o140777):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            entry = zipfile.ZipInfo("sample_data")
            entry.create_system, entry.external_attr = 3, mode << 16
            archive.writestr(entry, str(folder / "elsewhere"))
            archive.writestr("sample_data/evil", "evil")
        with offering(world, buffer.getvalue()), pytest.raises(KitError):
            world.client().join("small", folder / "kit", kernel=False)
        assert list(folder.rglob("*")) == []

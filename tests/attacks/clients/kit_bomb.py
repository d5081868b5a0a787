# tries: publishes a kit that is small and unpacks to gigabytes, or to more than it says of itself
# success: the participant's disk or memory is full
# wall: every path, size and digest is checked before anything is written, and no more is unpacked than was said
# expect: held
from __future__ import annotations

import copy
import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from liar import offering
from world import World

from participant_kit.challenge.errors import KitError


def attack(world: World, folder: Path) -> None:
    many, lying = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(many, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sample_data/0", bytes(60 << 20))
        for i in range(1, 20):  # the same bytes under more names, as bombs of this kind do
            entry = copy.copy(archive.filelist[0])
            entry.filename = f"sample_data/{i}"
            archive.filelist.append(entry)
    with zipfile.ZipFile(lying, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(60 << 20))
        archive.filelist[0].file_size = 10
    for kit, answer in ((many, "larger than"), (lying, "no starter kit")):
        data = kit.getvalue()
        assert len(data) < 1 << 20
        tracemalloc.start()
        with offering(world, data), pytest.raises(KitError, match=answer):
            world.client().join("small", folder / "kit", kernel=False)
        assert tracemalloc.get_traced_memory()[1] < 30 << 20
        tracemalloc.stop()
        assert list(folder.rglob("*")) == []

"""The folder that two sandboxes share, as the runner looks after it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from participant_kit.execution.shared import shared_folder


def many(folder: Path) -> None:
    for number in range(10_001):
        (folder / str(number)).touch()


@pytest.mark.parametrize(
    ("leave", "wrong"),
    [
        (lambda folder: (folder / "link").symlink_to("/app/input/ref/labels.txt"), "output"),
        (lambda folder: (folder / "large").write_bytes(bytes(2 << 20)), "disk"),
        (many, "disk"),
    ],
    ids=["a link", "too large", "too many"],
)
def test_what_may_not_be_there_stops_both_sandboxes(leave: Callable[[Path], None], wrong: str) -> None:
    with shared_folder(1 << 20) as shared:
        (shared.path / "deep").mkdir()
        leave(shared.path / "deep")
        assert shared.stop.wait(5)
    assert shared.wrong == wrong
    assert not shared.path.exists()


def test_plain_files_may_come_and_go() -> None:
    with shared_folder(1 << 20) as shared:
        for number in range(20):
            (shared.path / "new").write_bytes(bytes(1 << 19))
            (shared.path / "new").rename(shared.path / "answer")
            time.sleep(0.005 * (number % 3))
        shared.look()
    assert not shared.wrong and not shared.stop.is_set()


def test_what_a_killed_runner_leaves_the_next_takes_away() -> None:
    code = """
import os
from participant_kit.execution.shared import shared_folder
with shared_folder(1 << 20) as shared:
    (shared.path / "private").write_text("data")
    print(shared.path, flush=True)
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    left = Path(done.stdout.strip())
    assert done.returncode == -9 and left.is_dir()
    with shared_folder(1 << 20) as shared:
        assert shared.path != left and str(os.getpid()) in shared.path.name
    assert not left.exists()

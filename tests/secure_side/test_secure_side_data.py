"""The files of a challenge with tasks, as a runner names them by their digests."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from task_challenge import write_tasks

from participant_kit.secure_side.data import data_digests, phase_folder, sample_digests
from participant_kit.secure_side.errors import SecureSideError


def test_every_file_of_a_task_has_its_digest(tmp_path: Path) -> None:
    folder = write_tasks(tmp_path / "tasks")
    digests = data_digests(folder)
    assert sorted(digests) == [
        "development/easy/input/numbers.txt",
        "development/easy/reference/labels.txt",
        "development/hard/input/numbers.txt",
        "development/hard/reference/labels.txt",
    ]
    labels = folder.private_dir("development") / "hard" / "reference" / "labels.txt"
    assert digests["development/hard/reference/labels.txt"] == hashlib.sha256(labels.read_bytes()).hexdigest()
    assert sorted(sample_digests(folder))[0] == "easy/input/numbers.txt"


def test_a_link_among_the_files_is_refused(tmp_path: Path) -> None:
    folder = write_tasks(tmp_path / "tasks")
    (folder.private_dir("development") / "easy" / "input" / "link").symlink_to("numbers.txt")
    with pytest.raises(SecureSideError, match="is a link"):
        data_digests(folder)


def test_a_task_without_reference_data_is_told_before_anything_runs(tmp_path: Path) -> None:
    folder = write_tasks(tmp_path / "tasks")
    shutil.rmtree(folder.private_dir("development") / "hard" / "reference")
    with pytest.raises(SecureSideError, match="has no hard/reference"):
        phase_folder(folder, "development")

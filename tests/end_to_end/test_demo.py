"""``pkit demo``: the main job on real data, in one command that leaves nothing running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from house import processes, wait_until


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "participant_kit.cli.main", "demo", "--folder", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def running(folder: Path) -> list[int]:
    return processes(f"{folder}.*")


def test_it_shows_scores_board_receipt_and_what_left_and_leaves_nothing_running(tmp_path: Path) -> None:
    done = demo(tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    for words in ("roc_auc_score", "brier_score_loss", "ada (you)", "Receipt, verified", "chain and head verified"):
        assert words in done.stdout
    assert "score:roc_auc_score" in done.stdout
    assert running(tmp_path / "demo") == []


@pytest.mark.long
def test_kept_running_it_can_be_used_and_stopped(tmp_path: Path) -> None:
    done = demo(tmp_path / "demo", "--keep", "--json")
    parts = processes(rf"participant_kit\.cli\.main .*{tmp_path / 'demo'}")
    try:
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert requests.get(f"{result['gateway']}/healthz", timeout=5).json() == {"status": "ok"}
        assert len(parts) == 3
    finally:
        for pid in parts:
            os.kill(pid, signal.SIGTERM)
    # and their sandboxes
    wait_until(lambda: running(tmp_path / "demo") == [], 15, "all have ended")


@pytest.mark.parametrize("inside", ["a file", "a folder nobody may write"])
def test_a_folder_that_cannot_be_used_is_said_in_a_sentence(tmp_path: Path, inside: str) -> None:
    folder = tmp_path / "file" / "demo" if inside == "a file" else Path("/proc/demo")
    (tmp_path / "file").write_text("")
    done = demo(folder)
    assert done.returncode == 1
    assert "Error:" in done.stderr
    assert "Traceback" not in done.stderr

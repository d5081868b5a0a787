"""The egress log: every line on disk before it leaves, chained, one writer, right after a crash."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from participant_kit.secure_side.egress import EgressLog, LoggedField, read_egress
from participant_kit.secure_side.errors import SecureSideError


def write(log: EgressLog, submission: str, bits: float = 2.0, participant: str = "ada") -> None:
    log.append(
        kind="result",
        challenge="small",
        phase="development",
        participant=participant,
        submission=submission,
        fields=[LoggedField(name="state", value="scored", bits=bits)],
        message={"sent": submission},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = EgressLog(tmp_path / "egress.jsonl")
    for number in range(3):
        write(log, f"s-{number}")
    write(log, "s-3", participant="bob")
    log.close()
    return tmp_path / "egress.jsonl"


def test_lines_are_read_back_and_bits_add_up_by_participant(path: Path) -> None:
    log = EgressLog(path)
    assert [line.submission for line in log.lines] == ["s-0", "s-1", "s-2", "s-3"]
    assert log.spent_bits("small", "development", "ada") == 6
    assert log.spent_bits("small", "final", "ada") == 0
    line = log.of_submission("s-1", "result")
    assert line and line.message == {"sent": "s-1"}
    log.close()


def test_only_the_owner_can_read_the_log(path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_edited_line_is_found(path: Path, number: int) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1] = lines[number - 1].replace('"bits":2.0', '"bits":0.0')
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(SecureSideError, match=f"Line {number} "):
        read_egress(path)


def test_a_missing_line_is_found(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    with pytest.raises(SecureSideError, match="Line 2 "):
        EgressLog(path)


def test_a_line_that_a_crash_tore_was_never_sent_and_is_set_aside(path: Path) -> None:
    with path.open("a") as file:
        file.write('{"sequence": 5, "time": "2026-')
    log = EgressLog(path)
    write(log, "s-5")
    log.close()
    assert [line.submission for line in read_egress(path)] == ["s-0", "s-1", "s-2", "s-3", "s-5"]
    assert "2026-" in path.with_suffix(".torn").read_text()


def test_two_runners_cannot_write_one_log(path: Path) -> None:
    log = EgressLog(path)
    script = (
        "from pathlib import Path; from participant_kit.secure_side.egress import EgressLog; "
        f"EgressLog(Path({str(path)!r}))"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "Another runner writes" in other.stderr
    log.close()


def test_a_full_disk_releases_nothing_and_leaves_the_log_whole(path: Path) -> None:
    log = EgressLog(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, hard))
    try:
        with pytest.raises(SecureSideError, match="nothing is released"):
            write(log, "s-4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert len(log.lines) == 4
    write(log, "s-4")
    log.close()
    assert json.loads(path.read_text().splitlines()[-1])["submission"] == "s-4"
    assert len(read_egress(path)) == 5

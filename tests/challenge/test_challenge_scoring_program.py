"""The command of an organizer's scoring program."""

from __future__ import annotations

from pathlib import Path

import pytest

from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.scoring_program import read_program


@pytest.mark.parametrize(
    "metadata",
    [
        "",
        "command: ''",
        "cmd: x",
        "command: a | b",
        "command: a.py|tee x",
        "command: a>b",
        "command: a; b",
        "command: 'a \"b'",
        "- x",
        "{",
    ],
)
def test_a_program_without_a_usable_command_is_refused_with_an_example(tmp_path: Path, metadata: str) -> None:
    (tmp_path / "metadata.yaml").write_text(metadata)
    with pytest.raises(ChallengeError, match=r"python3 score\.py"):
        read_program(tmp_path)


def test_legacy_variables_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "metadata").write_text("command: python3 $program/score.py $input $output\n")
    assert read_program(tmp_path) == ["python3", "/app/program/score.py", "/app/input", "/app/output"]

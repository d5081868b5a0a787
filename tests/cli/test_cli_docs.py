"""What is written about the command line is what it does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from participant_kit.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = sorted((ROOT / "participant_kit").rglob("*.py")) + sorted((ROOT / "participant_kit").rglob("*.j2"))


def commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        yield f"{prefix}{name}", command
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")


COMMANDS = dict(commands(get_command(app)))
LEAVES = {name: command for name, command in COMMANDS.items() if not hasattr(command, "commands")}


def find_command(words: list[str]) -> str | None:
    """The command that ``words`` begin with."""
    if words and words[0] in COMMANDS and words[0] not in LEAVES:
        return " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else None
    return words[0] if words and words[0] in COMMANDS else None


def test_the_page_of_commands_is_the_one_that_the_code_gives(tmp_path: Path) -> None:
    typer = Path(sys.executable).with_name("typer")
    words = ["participant_kit.cli.main", "utils", "docs", "--name", "pkit", "--output", str(tmp_path / "cli.md")]
    subprocess.run([typer, *words], check=True, capture_output=True)
    assert (tmp_path / "cli.md").read_text() == (ROOT / "docs" / "cli.md").read_text(), "run: make docs"


@pytest.mark.parametrize("path", PAGES + SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_is_named_exists(path: Path) -> None:
    for match in re.finditer(r"(?:[`$:] ?|^ +)pkit ((?:[a-z]+(?:-[a-z]+)* ?)+)", path.read_text(), re.MULTILINE):
        assert find_command(match[1].split()), f"{path.name}: pkit {match[1]}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_option_in_an_example_exists(path: Path) -> None:
    for line in re.findall(r"^\$ (pkit .*?)(?: #|$)", path.read_text(), re.MULTILINE):
        words = line.split()[1:]
        name = find_command(words)
        if name not in LEAVES:
            continue
        options = {option for parameter in LEAVES[name].params for option in parameter.opts} | {"--help"}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= options, f"{path.name}: {line}"


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_speaks_json_and_shows_an_example(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in LEAVES[name].params)
    assert f"Example: pkit {name}" in LEAVES[name].help

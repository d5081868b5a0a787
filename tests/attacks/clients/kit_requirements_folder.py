# tries: names a folder or an archive in the requirements, whose setup.py runs when it is installed
# success: the code has run, on the secure side or at the participant
# wall: requirements are names with versions, and only wheels are installed
# expect: held
from __future__ import annotations

from pathlib import Path

import pytest
from world import World

from participant_kit.execution.environment import ensure_environment
from participant_kit.execution.errors import ExecutionError


def attack(world: World, folder: Path) -> None:
    evil = folder / "evil"
    evil.mkdir()
    (evil / "setup.py").write_text(
        f"open({str(folder / 'has-run')!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='evil')"
    )
    for number, line in enumerate((str(evil), f"-e {evil}", f"evil @ file://{evil}", f"--no-binary :all:\n{evil}")):
        requirements = folder / f"requirements-{number}.txt"
        requirements.write_text(line + "\n")
        with pytest.raises(ExecutionError):
            ensure_environment(requirements, cache=folder / "cache")
        assert not (folder / "has-run").exists(), line

"""The corpus: every attack is a file that says at its top what it tries and which wall stops it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
NOTEBOOKS, CLIENTS, PROGRAMS, TASKS = (HERE / name for name in ("notebooks", "clients", "programs", "tasks"))
EVERY = "PKIT_ATTACKS_RECORD" in os.environ
"""Whether each attack is run, and alone (`make attacks`); `make test` has no time for that."""

KEYS = ("tries", "success", "wall", "expect")
_LINE = re.compile(r"# (?:(\w+): (.*)|  +(.*))$")

FAMILIES = {
    "output": "What a notebook puts out",
    "score": "The score as a channel",
    "predictions": "The predictions file",
    "time": "Time, load and crashes as a channel",
    "network": "The network and other sockets",
    "kernel": "The kernel, and the program that drives it",
    "bomb": "Using everything up",
    "host": "The machine around it",
    "private": "Labels, keys and other people's notebooks",
    "survive": "From one run to the next",
    "notebook": "The notebook file itself",
    "kit": "Starter kits and requirements",
    "program": "The organizer's scoring program",
    "task": "Code for an ingestion program, and what it leaves",
    "gateway": "A gateway that lies",
    "accounts": "Many accounts",
}


@dataclass(frozen=True)
class Attack:
    """One file. ``expect`` tells how it ends: ``scored``, ``failed STAGE [REASON]`` (or one of several), ``held``."""

    path: Path
    tries: str
    success: str
    wall: str
    expect: str
    options: dict[str, str]

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.stem

    @property
    def family(self) -> str:
        """The first word of its name, one of :data:`FAMILIES`."""
        return self.name.partition("_")[0]

    @property
    def strict(self) -> bool:
        """Whether it is for the house with a short wall time and a small budget."""
        return self.options.get("house") == "strict"

    @property
    def looks(self) -> bool:
        """Whether it only looks around and leaves all as it is, so that others may look in the same run."""
        return self.family in ("host", "network", "output", "private") and self.expect == "scored" and not self.options

    @property
    def outcomes(self) -> list[str]:
        """The ways in which it may end."""
        return self.expect.split(" or ")

    @property
    def cells(self) -> list[str]:
        """The cells of a notebook."""
        code = self.path.read_text()
        return [cell.strip() for cell in re.split(r"^# %%.*$", code, flags=re.M)]


def read_attack(path: Path) -> Attack:
    """The attack in ``path``. Raises :class:`ValueError` when its comment lacks a line."""
    told: dict[str, str] = {}
    key = ""
    for line in path.read_text().splitlines():
        match = _LINE.match(line)
        if not match:
            break
        if match[1]:
            key = match[1]
            told[key] = match[2].strip()
        else:
            told[key] += " " + match[3].strip()
    if missing := [key for key in KEYS if not told.get(key)]:
        raise ValueError(f"The comment at the top of {path} lacks: {', '.join(missing)}.")
    attack = Attack(path, *(told.pop(key) for key in KEYS), options=told)
    if attack.family not in FAMILIES:
        raise ValueError(f"{path} is of no known family; its name begins with one of: {', '.join(FAMILIES)}.")
    return attack


def attacks(folder: Path, *families: str) -> list[Attack]:
    """Every attack in ``folder`` (of ``families``, if named), in the order of their names."""
    found = [read_attack(path) for path in sorted(folder.glob("*.py"))]
    return [attack for attack in found if not families or attack.family in families]


def alone(found: Sequence[Attack]) -> list[Attack]:
    """Those to run each by itself: every one, or of those that do more than look the first of a family and ending."""
    if EVERY:
        return list(found)
    first = {(attack.family, attack.expect): attack for attack in reversed(found) if not attack.looks}
    return [attack for attack in found if attack in first.values()]


def together(found: Sequence[Attack]) -> list[Attack]:
    """Those to run as one notebook, because they only look."""
    return [] if EVERY else [attack for attack in found if attack.looks]

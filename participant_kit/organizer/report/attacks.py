"""Attacks on the sample with anonymeter, in an environment of its own, because it needs an older numpy."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from participant_kit.challenge.bins import as_number, numbers
from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.folder import PRIVATE, ChallengeFolder
from participant_kit.execution.environment import Environment, ensure_environment
from participant_kit.execution.errors import ExecutionError
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.report.interval import SEED, Figures, Interval, subsample
from participant_kit.organizer.report.tables import input_names, read_tables

REQUIREMENTS = "attack_requirements.txt"
SCRIPT = "attack_script.py"

ATTACKS = 500
"""Attacks of each kind, where there are rows enough."""
ROWS = 5_000
"""Rows of each table, at most: distances grow with their product."""
SECRETS = 12
"""Columns that are inferred, the target first."""

Runner = Callable[[Path, str], str]
"""Runs the script on a folder with tables and on settings as JSON; returns what it printed."""


class Attack(Figures):
    """One attack. ``risk``, in [0, 1]: by how much it does better on real training rows than on held-out ones,
    of what there was to gain. ``train_rate`` and ``control_rate``: how often it succeeds on each.

    ``columns`` that a query asks for, or that are known; ``secret`` is the column that is inferred.
    """

    kind: Literal["singling out", "linkability", "inference"]
    columns: int
    secret: str | None = None
    risk: Interval
    train_rate: float
    control_rate: float

    @property
    def name(self) -> str:
        """The kind, and what it is made with."""
        if self.kind == "singling out":
            return f"singling out by {self.columns} column{'s' if self.columns > 1 else ''}"
        return f"{self.kind} of {self.secret}" if self.secret else self.kind


class AttackFigures(Figures):
    """What attacks found: ``attacks`` of each kind, on ``rows`` rows learned from and as many held-out ones."""

    rows: int
    synthetic_rows: int
    attacks: int
    results: list[Attack]


def run_attacks(
    folder: ChallengeFolder,
    *,
    phase: str | None = None,
    tell: Callable[[str], None] = lambda text: None,
    run: Runner | None = None,
) -> AttackFigures:
    """Attack the sample of ``folder``: singling out, linkability and inference (Giomi and others 2023).

    Rows of ``phase`` (the card's first) that were learned from stand against as many held-out ones; with different
    numbers of them, the risks would be wrong. The environment is made the first time, which takes a package index.
    Raises :class:`OrganizerError`, and :class:`~participant_kit.challenge.errors.ChallengeError` for the tables.
    """
    tables = read_tables(folder, phase)
    names = [name for name in input_names(folder.card, folder.codebook) if folder.codebook.columns[name].type != "text"]
    target = folder.card.data.target
    names += [target] * (folder.codebook.columns[target].type != "text")
    rows = min(len(tables.train), len(tables.held_out), ROWS)
    attacks = min(ATTACKS, rows, len(tables.synthetic))
    if attacks < 10 or len(names) < 2:
        raise OrganizerError(
            "Attacks need at least 10 rows of each table and two columns that are no text.",
            hint="Make a larger sample, or leave the attacks out.",
        )
    codes = {name: f"c{index}" for index, name in enumerate(names)}
    chosen = {
        "train": subsample(tables.train, rows),
        "control": subsample(tables.held_out, rows),
        "synthetic": subsample(tables.synthetic, ROWS),
    }
    settings = {
        "attacks": attacks,
        "secrets": [codes[name] for name in _secrets(names)],
        "halves": [list(codes.values())[half::2] for half in (0, 1)],
        "seed": SEED,
    }
    run = run or _runner(tell)
    tell("Attacking the sample")
    with tempfile.TemporaryDirectory(prefix=".attack-", dir=folder.root / PRIVATE) as temporary:
        for name, table in chosen.items():
            _plain(folder.codebook, table, codes).to_parquet(Path(temporary, f"{name}.parquet"), index=False)
        answer = run(Path(temporary), json.dumps(settings))
    results = _parsed(answer, {code: name for name, code in codes.items()})
    return AttackFigures(rows=rows, synthetic_rows=len(chosen["synthetic"]), attacks=attacks, results=results)


def _secrets(names: Sequence[str]) -> list[str]:
    """The last of ``names``, which is the target, and some of the others, evenly spread."""
    spread = np.unique(np.linspace(0, len(names) - 1, SECRETS).astype(int))
    return [names[index] for index in spread[::-1]]


def _plain(codebook: Codebook, table: pd.DataFrame, codes: dict[str, str]) -> pd.DataFrame:
    """Numbers and dates as float64, everything else as text, missing being a word; under other names."""
    return pd.DataFrame({code: _plain_column(codebook.columns[name], table[name]) for name, code in codes.items()})


def _plain_column(column: Column, values: pd.Series[Any]) -> Any:
    if column.minimum is None:
        return values.astype("string").fillna("(missing)").astype(object)
    if column.type == "date" or column.minimum < 0:  # a number is inferred where it is right to 5%, from 0 upwards
        return numbers(values) - as_number(column.minimum)
    return numbers(values)


def _parsed(answer: str, names: dict[str, str]) -> list[Attack]:
    try:
        found: list[dict[str, Any]] = TypeAdapter(list[dict[str, Any]]).validate_json(answer)
        return [Attack.model_validate(each | {"secret": names.get(each.get("secret") or "")}) for each in found]
    except ValidationError:
        raise OrganizerError(
            "The attacks gave no figures that can be read.",
            hint="Delete their environment in the cache of participant-kit, and try again.",
        ) from None


def _runner(tell: Callable[[str], None]) -> Runner:
    """The script in its environment, which is made now unless it is there."""
    with as_file(files(__package__) / REQUIREMENTS) as requirements:
        try:
            environment = ensure_environment(requirements, progress=tell)
        except ExecutionError as error:
            raise OrganizerError(
                f"The environment of the attacks cannot be made: {error.message}",
                hint="It takes a package index, and Python 3.11 or 3.12; the report can be made without attacks.",
            ) from None

    def run(folder: Path, settings: str) -> str:
        with as_file(files(__package__) / SCRIPT) as script:
            return _run(environment, script, folder, settings)

    return run


def _run(environment: Environment, script: Path, folder: Path, settings: str) -> str:
    command = [str(environment.python), "-I", str(script), str(folder)]
    variables = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    variables |= {"NUMBA_CACHE_DIR": str(environment.prefix / "numba")}
    done = subprocess.run(command, input=settings, capture_output=True, text=True, check=False, env=variables)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        kind = last.partition(":")[0][:80]  # and not the rest, which may quote a value
        raise OrganizerError(
            f"The attacks ended with {kind}.", hint="The report can be made without them; leave them out."
        )
    return done.stdout

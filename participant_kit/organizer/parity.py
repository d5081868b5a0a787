"""Parity: the starter notebooks on the sample and on the real data, side by side, for the organizer alone.

Both run in the sandbox of the secure side, in the challenge's environment. Nothing here quotes a value of the data
or a message of a run: columns, classes of a closed list, numbers of cells, counts, and figures rounded to one digit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from participant_kit.challenge.alphabet import REASONS
from participant_kit.challenge.card import Card
from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import NOTEBOOKS, PRIVATE, SAMPLE, TABLES, ChallengeFolder
from participant_kit.challenge.predictions import PredictionsError, parse_predictions
from participant_kit.challenge.table import read_table
from participant_kit.execution.environment import Environment, ensure_environment
from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.notebook import Execution, run_notebook
from participant_kit.execution.sandbox import Command, Sandbox, get_sandbox
from participant_kit.execution.task import TaskRunner
from participant_kit.organizer.errors import OrganizerError

FAR = 5.0
"""Times or memory this many times apart are told."""

_WARNED = re.compile(r"^\S.*?:\d+: (?:\w+\.)*(\w+Warning): ", re.MULTILINE)
_WARNINGS = frozenset(
    {
        "BytesWarning", "DeprecationWarning", "EncodingWarning", "FutureWarning", "ImportWarning",
        "PendingDeprecationWarning", "ResourceWarning", "RuntimeWarning", "SyntaxWarning", "UnicodeWarning",
        "UserWarning", "ComplexWarning", "RankWarning", "VisibleDeprecationWarning", "ChainedAssignmentError",
        "DtypeWarning", "PerformanceWarning", "ParserWarning", "SettingWithCopyWarning", "ConvergenceWarning",
        "DataConversionWarning", "DataDimensionalityWarning", "EfficiencyWarning", "FitFailedWarning",
        "InconsistentVersionWarning", "PositiveSpectrumWarning", "SkipTestWarning", "UndefinedMetricWarning",
        "LinAlgWarning", "OptimizeWarning", "IntegrationWarning", "ConstantInputWarning",
        "NearConstantInputWarning", "DegenerateDataWarning", "MatplotlibDeprecationWarning",
    }
)  # fmt: skip
"""Classes of Python and of the packages people use; any other is counted as ``other``."""


@dataclass(frozen=True)
class Run:
    """How a notebook ended on one of the two. ``stage`` is None when its predictions are valid.

    ``cell`` counts from 1, ``reason`` is of the closed list of reasons. ``seconds`` and ``memory`` (the peak, in
    bytes, as the control group counts it; None where there is none) have one digit. ``warnings`` counts by class.
    """

    stage: str | None
    cell: int | None
    reason: str | None
    seconds: float
    memory: int | None
    warnings: dict[str, int]

    @property
    def outcome(self) -> str:
        """The same in words, without the figures."""
        where = f"cell {self.cell}" if self.cell else None
        return ", ".join(filter(None, (self.stage, where, self.reason))) or "valid predictions"


@dataclass(frozen=True)
class Pair:
    """One notebook on both."""

    notebook: str
    sample: Run
    real: Run


@dataclass(frozen=True)
class Parity:
    """What was compared, on the real data of ``phase``, and every difference."""

    phase: str
    pairs: list[Pair]
    findings: list[Finding]

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for ``--json``."""
        return asdict(self)


def check_parity(
    folder: ChallengeFolder,
    *,
    phase: str | None = None,
    notebook: str | None = None,
    sandbox: Sandbox | None = None,
    environment: Environment | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Parity:
    """Run each starter notebook of ``folder``, or the one called ``notebook``, on the sample and on the real data.

    ``phase`` is the first of the card if left out, ``sandbox`` is the runner's kind, ``environment`` the one of its
    requirements. ``tell`` is told what is being done, a line at a time. Of a challenge with tasks no tables are
    compared: each notebook is run through the programs of all tasks of ``phase``.

    Raises :class:`OrganizerError` for a phase or notebook that is not there and where the sandbox does not work,
    :class:`~participant_kit.challenge.errors.ChallengeError` for a table that cannot be read, and
    :class:`~participant_kit.execution.errors.ExecutionError` when a run cannot be started.
    """
    card = folder.card
    phase = phase or card.phases[0].name
    if card.phase(phase) is None:
        known = ", ".join(each.name for each in card.phases)
        raise OrganizerError(f"There is no phase {phase!r}.", hint=f"Name one of: {known}.")
    paths = _notebooks(folder, notebook)
    findings = [] if card.tasks else list(_compare_tables(folder, phase))
    sandbox = sandbox or _working_sandbox(card)
    environment = environment or ensure_environment(folder.requirements_path, progress=tell)
    pairs, places = [], {"the sample": folder.sample_dir, f"the data of {phase}": folder.private_dir(phase)}
    with closing(sandbox):
        for path in paths:
            runs = []
            for called, data in places.items():
                tell(f"Running {path.name} on {called}")
                if card.tasks:
                    runner = TaskRunner(folder, environment, sandbox, keep_log=True)
                    done = runner.run(path.read_bytes(), phase, data).execution
                else:
                    done = run_notebook(path.read_bytes(), data, card, environment, sandbox, keep_log=True)
                runs.append(_judge(done, card, data))
            pairs.append(Pair(path.name, *runs))
            findings += _compare_runs(pairs[-1], phase)
    return Parity(phase, pairs, findings)


def _notebooks(folder: ChallengeFolder, name: str | None) -> list[Path]:
    paths = sorted(folder.notebooks_dir.glob("*.ipynb"))
    chosen = [path for path in paths if name in (None, path.name, path.stem)]
    if not chosen:
        known = ", ".join(path.name for path in paths)
        raise OrganizerError(
            f"There is no starter notebook {name or ''}".rstrip() + ".",
            hint=f"Name one of: {known}." if known else "Write three with: pkit challenge kit FOLDER",
        )
    return chosen


def _working_sandbox(card: Card) -> Sandbox:
    hint = "Install or allow bubblewrap, see: pkit runner doctor; or build the kit with --no-parity."
    try:
        sandbox = get_sandbox("template")
        trial = sandbox.run(Command(("/usr/bin/true",), (), card.limits), b"", max_reply=0)
    except ExecutionError as error:
        raise OrganizerError(f"The sandbox cannot run on this machine: {error.message}", hint=hint) from None
    if trial.exit_code != 0:
        raise OrganizerError("The sandbox cannot run on this machine.", hint=hint)
    return sandbox


def _judge(done: Execution, card: Card, data: Path) -> Run:
    stage, reason = done.stage, done.reason
    if done.output is not None and not card.tasks:
        try:
            parse_predictions(done.output, card, read_table(data / "test.parquet")[card.data.identifier])
        except PredictionsError as error:
            stage, reason = "output", error.reason
    return Run(
        stage=stage,
        cell=done.cell,
        reason=reason if reason is None or reason in REASONS else "other",
        seconds=_coarse(done.seconds),
        memory=int(_coarse(done.peak_memory)) if done.peak_memory else None,
        warnings=dict(sorted(Counter(_class(name) for name in _WARNED.findall(done.log)).items())),
    )


def _class(name: str) -> str:
    return name if name in _WARNINGS else "other"


def _coarse(value: float) -> float:
    """``value`` with one significant digit, so that it tells little."""
    return float(f"{value:.0e}")


def _compare_tables(folder: ChallengeFolder, phase: str) -> Iterator[Finding]:
    """What a notebook sees of the tables: the columns in their order, their dtypes, the levels of categories."""
    for name in TABLES:
        file = f"{SAMPLE}/{name}.parquet"
        sample, real = (
            read_table(where / f"{name}.parquet") for where in (folder.sample_dir, folder.private_dir(phase))
        )
        beside = f"as in {PRIVATE}/{phase}/{name}.parquet"
        here, there = list(map(str, sample.columns)), list(map(str, real.columns))
        if here != there:
            lacking, more = [each for each in there if each not in here], [each for each in here if each not in there]
            said = [f"without {lacking}"] if lacking else []
            said += [f"with {more}"] if more else []
            yield Finding(file, f"columns {beside}", ", ".join(said) or "in another order", "columns")
        for column in here:
            if column in there:
                yield from _compare_column(sample[column], real[column], file, beside)


def _compare_column(sample: pd.Series[Any], real: pd.Series[Any], file: str, beside: str) -> Iterator[Finding]:
    name = str(sample.name)
    categories = [each.dtype for each in (sample, real) if isinstance(each.dtype, pd.CategoricalDtype)]
    if len(categories) == 2:
        if list(categories[0].categories) != list(categories[1].categories):
            yield Finding(file, f"the levels {beside}, in their order", "others", name)
    elif sample.dtype != real.dtype:
        yield Finding(file, f"dtype {real.dtype}, {beside}", str(sample.dtype), name)


def _compare_runs(pair: Pair, phase: str) -> Iterator[Finding]:
    file, sample, real = f"{NOTEBOOKS}/{pair.notebook}", pair.sample, pair.real
    if sample.stage:
        yield Finding(file, "valid predictions on the sample", sample.outcome, "sample", cell=sample.cell)
    if real.stage:
        yield Finding(file, f"valid predictions on the data of {phase}", real.outcome, phase, cell=real.cell)
    if sample.warnings != real.warnings:
        expected = f"the warnings of the sample ({_counted(sample.warnings)})"
        yield Finding(file, expected, _counted(real.warnings), phase, level="warning")
    if _is_far(sample.seconds, real.seconds):
        found = f"about {real.seconds:g} s"
        yield Finding(
            file, f"a time near that on the sample, about {sample.seconds:g} s", found, phase, level="warning"
        )
    if sample.memory and real.memory and _is_far(sample.memory, real.memory):
        expected = f"memory near that on the sample, about {_mebibytes(sample.memory)}"
        yield Finding(file, expected, f"about {_mebibytes(real.memory)}", phase, level="warning")


def _counted(warnings: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in warnings.items()) or "none"


def _mebibytes(value: int) -> str:
    return f"{_coarse(value / (1 << 20)):.0f} MiB"


def _is_far(one: float, other: float) -> bool:
    low, high = sorted((one, other))
    return high > FAR * low

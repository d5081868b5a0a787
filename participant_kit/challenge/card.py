"""The challenge card: one file, ``challenge.yaml``, that says everything two sides must agree on."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    ByteSize,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema

from participant_kit.challenge.document import Model, read_document
from participant_kit.challenge.metrics import METRICS
from participant_kit.challenge.units import Duration, Size, format_duration, format_size

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$")]
Bits = Annotated[float, Field(gt=0, le=1e9)]
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


class Data(Model):
    """Which column names a row, which one is to be predicted, and where the columns are described.

    A challenge with :class:`Task` has folders of files instead of tables, and names no column.

    ``dataset`` names the data set in the ledger: challenges with the same name share its budget, and so do the
    versions of its tables. Without it, the tables' fingerprint does.
    """

    identifier: str = ""
    target: str = ""
    codebook: FileName = "codebook.yaml"
    dataset: Slug | None = None


class Privacy(Model):
    """What all samples of the private data may reveal together: (epsilon, delta)-differential privacy of a person.

    ``epsilon_limit`` bounds the sum over every private sample that was ever made; ``delta`` goes with it.
    ``rows`` is the number of training rows, where everybody may know it; without it, that is noised too.
    """

    epsilon_limit: Annotated[float, Field(gt=0, le=100)] = 3.0
    delta: Annotated[float, Field(gt=0, lt=1e-2)] = 1e-6
    rows: Annotated[int, Field(ge=1, strict=True)] | None = None


class Environment(Model):
    """The packages a notebook may import: a pinned requirements file, installed on both sides."""

    requirements: FileName = "requirements.txt"
    preload: list[str] = Field(default_factory=list)


class Limits(Model):
    """What one execution may use. Bytes and seconds, written with units. ``gpus`` are whole ones, for it alone."""

    wall_time: Duration = timedelta(minutes=30)
    cpus: Annotated[int, Field(ge=1, le=1024, strict=True)] = 2
    memory: Size = ByteSize(4 << 30)
    disk: Size = ByteSize(1 << 30)
    processes: Annotated[int, Field(ge=8, le=65536, strict=True)] = 128
    gpus: Annotated[int, Field(ge=0, le=16, strict=True)] = 0

    @field_validator("wall_time")
    @classmethod
    def _positive(cls, value: timedelta) -> timedelta:
        if not timedelta(seconds=1) <= value <= timedelta(days=7):
            raise ValueError('a wall time between "1 s" and "7 days"')
        return value

    @field_validator("memory")
    @classmethod
    def _enough(cls, value: int) -> int:
        if value < 256 << 20:
            raise ValueError('at least "256 MiB", which a kernel needs')
        return value

    @field_validator("disk")
    @classmethod
    def _some(cls, value: int) -> int:
        if value < 1 << 20:  # and 0 would mean no limit at all to a tmpfs
            raise ValueError('at least "1 MiB"')
        return value


class Sandbox(Model):
    """What holds submitted code. ``require`` names walls without which a runner of this challenge does not start.

    Those that every machine has are never missing; of these three a kernel, or an operator without privilege, may
    have none: ``cgroup`` (a bound on memory and processes together), ``clocks`` (the machine's uptime is hidden),
    ``landlock`` (a second wall around files).
    """

    require: list[Literal["cgroup", "clocks", "landlock"]] = Field(default_factory=list)


class Task(Model):
    """Data to run a submission on, and the programs that score it, by Codabench's convention.

    ``scoring`` and ``ingestion`` are folders of programs in the challenge folder, with ``metadata.yaml``. Ingestion
    runs what was submitted, before scoring or ``beside`` it; without it, what was submitted is what is scored.
    Each phase has data of its own for it. ``public_input`` says that participants may have the input as it is, so
    that files of it may be in the kit.
    """

    name: Slug
    scoring: FileName
    ingestion: FileName | None = None
    beside: bool = False
    public_input: bool = False

    @field_validator("scoring", "ingestion")
    @classmethod
    def _own_folder(cls, value: str | None) -> str | None:
        if value in ("private", "sample_data", "starter_notebooks", "starter_kit", "pages"):
            raise ValueError(f"a folder of the program's own, not {value}")
        return value

    @model_validator(mode="after")
    def _beside_what(self) -> Task:
        if self.beside and not self.ingestion:
            raise ValueError("an ingestion program, if it is to run beside scoring")
        return self


class Page(Model):
    """A page of the organizer's: Markdown or HTML, ``file`` in the folder ``pages``."""

    title: Annotated[str, Field(min_length=1, max_length=100)]
    file: FileName


class Submission(Model):
    """What a notebook writes, and how large it may be. A challenge with tasks takes a ``.zip`` of all it leaves."""

    output: FileName = "predictions.csv"
    columns: dict[str, Literal["integer", "number", "text"]] = Field(default_factory=dict)
    max_notebook: Size = ByteSize(10 << 20)
    max_cells: Count = 200

    @field_validator("output")
    @classmethod
    def _format(cls, value: str) -> str:
        if not value.endswith((".csv", ".parquet", ".zip")):
            raise ValueError("a name that ends in .csv or .parquet (or .zip, for a challenge with tasks)")
        return value


_FAR = 1e12


class Figure(Model):
    """A number that may leave. ``range`` is clipped to, ``decimals`` rounded to; together they fix its cost in bits."""

    name: str
    range: tuple[float, float]
    decimals: Annotated[int, Field(ge=0, le=9, strict=True)] = 3

    @field_validator("range")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not -_FAR <= value[0] < value[1] <= _FAR:
            raise ValueError(f"two numbers between {-_FAR:g} and {_FAR:g}, the lower first")
        return value

    @property
    def levels(self) -> int:
        """How many different values of this number can leave."""
        low, high = (round(round(bound, self.decimals) * 10**self.decimals) for bound in self.range)
        return int(high - low) + 1

    def rounded(self, value: float) -> float:
        """``value`` clipped to the range and rounded. Raises ``ValueError`` when it is not finite."""
        if not math.isfinite(value):
            raise ValueError(f"{self.name} is not a finite number")
        low, high = self.range
        return round(min(max(value, low), high), self.decimals) + 0.0  # + 0.0 turns -0.0 into 0.0


class Metric(Figure):
    """One score. The primary one ranks the leaderboard.

    In a challenge with tasks it is what the scoring program of ``task`` (of a phase's only one, if none is named)
    wrote under ``key`` (under its own name, if there is none), or a ``computation`` ``of`` other metrics.
    """

    higher_is_better: bool
    primary: bool = False
    task: Slug | None = None
    key: str | None = None
    computation: Literal["sum", "avg", "min", "max"] | None = None
    of: list[str] = Field(default_factory=list, max_length=20)


def _at_midnight(value: Any) -> Any:
    """A bare date means its first instant in UTC; a time without a zone is UTC."""
    try:
        value = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        value = None
    if not isinstance(value, date):
        raise ValueError("expected a date, for example 2026-01-31, or a time, for example 2026-01-31T12:00:00Z")
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return value


Moment = Annotated[
    datetime,
    PlainSerializer(lambda moment: moment.isoformat(), return_type=str),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}),
]


class Phase(Model):
    """A stretch of time with its quota. ``starts`` is inclusive, ``ends`` exclusive, both UTC.

    ``tasks`` are those of the card's that it has, all if it names none.
    """

    name: Slug
    starts: Moment
    ends: Moment
    per_day: Count | None = None
    total: Count | None = None
    leaderboard: Literal["live", "hidden"] = "live"
    tasks: list[Slug] = Field(default_factory=list)

    _dates = field_validator("starts", "ends", mode="before")(_at_midnight)

    @model_validator(mode="after")
    def _ordered(self) -> Phase:
        if self.starts >= self.ends:
            raise ValueError(f"a start before the end ({self.starts:%Y-%m-%d} is not before {self.ends:%Y-%m-%d})")
        return self

    def is_open(self, at: datetime) -> bool:
        """Whether submissions are accepted at ``at`` (aware datetime)."""
        return self.starts <= at < self.ends


RESOURCES = ("run_seconds", "run_memory_mib")
"""Figures that the runner measures: how long a notebook ran, and its largest memory (0 where nobody counts it)."""


class Release(Model):
    """What may leave the secure side, and how much of it. Every default is the strictest.

    Three budgets, in bits, and a submission that could exceed one is refused before it runs: ``budget_bits`` per
    participant and phase, ``challenge_budget_bits`` for the challenge, ``data_budget_bits`` for the data set over
    its whole life, in every challenge on it.

    ``leaderboard_mechanism``: ``ladder`` shows a score only when the primary one beats the participant's best by
    ``leaderboard_step`` (Blum and Hardt, ICML 2015; without a step, by one unit of its last decimal);
    ``parameter-free-ladder`` by what chance explains (the same paper); ``thresholdout`` only when it lies further
    than ``leaderboard_step`` from the last one shown, and then with noise (Dwork et al., Science 2015);
    ``rounded`` always.

    ``failure_detail``: ``cell-and-class``, or ``stage`` alone. ``figures``: other numbers of the scoring program,
    and those of :data:`RESOURCES`.
    ``review``: whether each release waits for the data holder's yes.
    """

    budget_bits: Bits = 512
    challenge_budget_bits: Bits = 32768
    data_budget_bits: Bits = 65536
    leaderboard_mechanism: Literal["ladder", "parameter-free-ladder", "thresholdout", "rounded"] = "ladder"
    leaderboard_step: Annotated[float, Field(gt=0, le=_FAR)] | None = None
    failure_detail: Literal["stage", "cell-and-class"] = "stage"
    completion_tick: Duration = timedelta(seconds=10)
    figures: list[Figure] = Field(default_factory=list, max_length=20)
    review: bool = False

    @field_validator("completion_tick")
    @classmethod
    def _tick(cls, value: timedelta) -> timedelta:
        if value < timedelta(milliseconds=100):
            raise ValueError('at least "100 ms"')
        return value


class Card(Model):
    """The whole card. See ``docs/organizers.md`` for one with comments.

    ``baselines`` names the accounts under which the organizer takes part; the leaderboard marks them.
    """

    schema_version: Literal[1]
    slug: Slug
    title: Annotated[str, Field(min_length=1, max_length=200)]
    summary: Annotated[str, Field(max_length=1000)] = ""
    pages: list[Page] = Field(default_factory=list, max_length=50)
    terms: FileName | None = None
    image: FileName | None = None
    data: Data = Data()
    privacy: Privacy = Privacy()
    environment: Environment = Environment()
    limits: Limits = Limits()
    sandbox: Sandbox = Sandbox()
    submission: Submission
    metrics: Annotated[list[Metric], Field(min_length=1, max_length=20)]
    scoring: FileName | None = None
    tasks: list[Task] = Field(default_factory=list, max_length=50)
    phases: Annotated[list[Phase], Field(min_length=1)]
    baselines: list[Name] = Field(default_factory=list, max_length=100)
    release: Release = Release()

    @field_validator("metrics")
    @classmethod
    def _one_primary(cls, metrics: list[Metric]) -> list[Metric]:
        if len({metric.name for metric in metrics}) != len(metrics):
            raise ValueError("each metric once")
        if sum(metric.primary for metric in metrics) != 1:
            raise ValueError('exactly one metric with "primary: true"')
        return metrics

    @field_validator("phases")
    @classmethod
    def _phases_apart(cls, phases: list[Phase]) -> list[Phase]:
        if len({phase.name for phase in phases}) != len(phases):
            raise ValueError("each phase name once")
        ordered = sorted(phases, key=lambda phase: phase.starts)
        for before, after in pairwise(ordered):
            if after.starts < before.ends:
                raise ValueError(f"phases that do not overlap ({before.name} ends after {after.name} starts)")
        return phases

    @field_validator("tasks")
    @classmethod
    def _each_task_once(cls, tasks: list[Task]) -> list[Task]:
        if len({task.name for task in tasks}) != len(tasks):
            raise ValueError("each task name once")
        return tasks

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Card:
        names = [number.name for number in (*self.metrics, *self.release.figures)]
        if len(set(names)) != len(names):
            raise ValueError("release.figures with names of their own, each once")
        return self._of_tasks() if self.tasks else self._of_tables()

    def _of_tasks(self) -> Card:
        if self.data.identifier or self.data.target or self.submission.columns or self.scoring:
            raise ValueError("no data.identifier, data.target, submission.columns or scoring beside tasks")
        if not self.submission.output.endswith(".zip"):
            raise ValueError("submission.output ending in .zip for a challenge with tasks")
        if self.release.leaderboard_mechanism == "parameter-free-ladder":
            raise ValueError("leaderboard_mechanism: ladder, with a step, for scoring programs of your own")
        known = {task.name for task in self.tasks}
        for name in (name for phase in self.phases for name in phase.tasks):
            if name not in known:
                raise ValueError(f"phases with tasks of the card ({', '.join(sorted(known))}), not {name}")
        for metric in self.metrics:
            self._check_task_of(metric, known)
        return self

    def _check_task_of(self, metric: Metric, known: set[str]) -> None:
        names = [other.name for other in self.metrics if other.computation is None]
        if metric.computation:
            if not metric.of or not set(metric.of) <= set(names):
                raise ValueError(f"{metric.name} computed of other metrics that are not computed: {', '.join(names)}")
            return
        if metric.task is not None and metric.task not in known:
            raise ValueError(f"{metric.name} of a task of the card ({', '.join(sorted(known))}), not {metric.task}")
        for phase in self.phases:
            of_phase = [task.name for task in self.tasks_of(phase.name)]
            if metric.task is None and len(of_phase) > 1:
                raise ValueError(f"a task for the metric {metric.name}, one of {', '.join(of_phase)}")
            if metric.task is not None and metric.task not in of_phase:
                raise ValueError(
                    f"{metric.task} among the tasks of the phase {phase.name}, because {metric.name} is read from it; "
                    f"each phase has data of its own for a task"
                )

    def _of_tables(self) -> Card:
        if self.submission.output.endswith(".zip"):
            raise ValueError("submission.output ending in .csv or .parquet, or tasks")
        if any(metric.task or metric.key or metric.computation or metric.of for metric in self.metrics) or any(
            phase.tasks for phase in self.phases
        ):
            raise ValueError("tasks, if metrics or phases speak of them")
        if not self.data.identifier or not self.data.target:
            raise ValueError("data.identifier and data.target, each the name of a column (or tasks)")
        if self.data.identifier == self.data.target:
            raise ValueError("data.identifier and data.target naming two different columns")
        if self.data.identifier not in self.submission.columns:
            raise ValueError(f"submission.columns holding the identifier {self.data.identifier!r}")
        if len(self.submission.columns) < 2:
            raise ValueError("submission.columns holding at least one column of predictions")
        if self.scoring is None:
            if any(figure.name not in RESOURCES for figure in self.release.figures):
                known = " and ".join(RESOURCES)
                raise ValueError(f"release.figures {known}; others only beside a scoring program, which computes them")
            if unknown := [metric.name for metric in self.metrics if metric.name not in METRICS]:
                raise ValueError(f"metrics by name, one of {', '.join(METRICS)}, not {', '.join(unknown)}")
            if len(self.submission.columns) != 2:
                raise ValueError("one prediction column for metrics by name (or a scoring program)")
            for metric in self.metrics:
                if metric.higher_is_better != METRICS[metric.name].higher_is_better:
                    raise ValueError(f"higher_is_better: {str(not metric.higher_is_better).lower()} for {metric.name}")
        elif self.release.leaderboard_mechanism == "parameter-free-ladder":
            raise ValueError("leaderboard_mechanism: ladder, with a step, for a scoring program of your own")
        return self

    @property
    def primary(self) -> Metric:
        """The metric that ranks the leaderboard."""
        return next(metric for metric in self.metrics if metric.primary)

    def phase(self, name: str) -> Phase | None:
        """The phase called ``name``."""
        return next((phase for phase in self.phases if phase.name == name), None)

    def tasks_of(self, phase: str | None) -> list[Task]:
        """The tasks of the phase called ``phase``, in the card's order; all of the card's, without one."""
        found = self.phase(phase) if phase else None
        return [task for task in self.tasks if not found or not found.tasks or task.name in found.tasks]

    def open_phase(self, at: datetime) -> Phase | None:
        """The phase that accepts submissions at ``at`` (aware datetime)."""
        return next((phase for phase in self.phases if phase.is_open(at)), None)


def read_card(path: Path) -> Card:
    """Read ``challenge.yaml``. Raises :class:`~participant_kit.challenge.finding.FindingsError`."""
    return read_document(path, Card)


class _Schema(GenerateJsonSchema):
    """Shows defaults as they are written in a card."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return format_size(dft) if isinstance(dft, ByteSize) else super().encode_default(dft)


def card_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the card, for editors."""
    schema = Card.model_json_schema(schema_generator=_Schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}

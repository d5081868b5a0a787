"""``competition.yaml`` of a Codabench bundle, version 2: every key that its unpacker or its documentation knows.

A key that neither knows is kept aside, as Codabench does, and told. The defaults are Codabench's.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from participant_kit.challenge.document import Model
from participant_kit.organizer.codabench.moment import Moment

NAME = "competition.yaml"

Path = Annotated[str, Field(min_length=1, max_length=1000)]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Index = Annotated[int, Field(ge=0, le=1_000_000)]
SubmissionRule = Literal[
    "Add", "Add_And_Delete", "Add_And_Delete_Multiple", "Force_Last", "Force_Latest_Multiple", "Force_Best"
]
Computation = Literal["sum", "avg", "min", "max"]


class _Part(Model):
    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True)

    @property
    def unknown(self) -> list[str]:
        """Keys that Codabench does not know either."""
        return sorted(self.model_extra or {})


class Page(_Part):
    """A page of the competition: Markdown or HTML."""

    title: str
    file: Path


class Task(_Part):
    """Data and the programs that score a submission on it; or the ``key`` of a task that is on a server."""

    index: Index
    name: Text = ""
    description: Text = ""
    key: str | None = None
    is_public: bool = False
    ingestion_program: Path | None = None
    input_data: Path | None = None
    scoring_program: Path | None = None
    reference_data: Path | None = None
    ingestion_only_during_scoring: bool = False


class Solution(_Part):
    """A submission that the organizer made, to try tasks with."""

    index: Index
    tasks: list[Index]
    path: Path | None = None
    key: str | None = None
    name: Text = ""
    description: Text = ""


class Phase(_Part):
    """A stretch of time. 0 submissions mean no limit."""

    name: str
    start: Moment
    tasks: Annotated[list[Index], Field(min_length=1)]
    index: Index = 0
    description: Text = ""
    end: Moment | None = None
    max_submissions_per_day: Annotated[int, Field(ge=0)] | None = 5
    max_submissions: Annotated[int, Field(ge=0)] | None = 100
    max_submissions_per_person: int | None = None
    execution_time_limit: Annotated[int, Field(ge=0)] | None = 600
    auto_migrate_to_this_phase: bool = False
    hide_output: bool = False
    hide_prediction_output: bool = False
    hide_score_output: bool = False
    accepts_only_result_submissions: bool = False
    starting_kit: Path | None = None
    public_data: Path | None = None
    solutions: list[Index] | None = None


class Column(_Part):
    """A column of the leaderboard: what a scoring program wrote under ``key``, or a computation."""

    title: str
    key: str
    index: Index
    sorting: Literal["desc", "asc"] = "desc"
    computation: Computation | None = None
    computation_indexes: list[Index] | None = None
    precision: Annotated[int, Field(ge=0)] = 2
    hidden: bool = False

    @field_validator("computation_indexes", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value


class Leaderboard(_Part):
    """Columns, and which submissions stand in them."""

    title: str
    key: str
    columns: Annotated[list[Column], Field(min_length=1)]
    index: Index = 0
    primary_index: Index = 0
    submission_rule: SubmissionRule = "Add"
    hidden: bool = False


class Competition(_Part):
    """The whole of ``competition.yaml``."""

    version: str
    title: Annotated[str, Field(min_length=1)]
    image: Path
    terms: Path
    description: Text = ""
    pages: Annotated[list[Page], BeforeValidator(lambda value: value or [])] = Field(default_factory=list)
    tasks: Annotated[list[Task], Field(min_length=1)]
    solutions: Annotated[list[Solution], BeforeValidator(lambda value: value or [])] = Field(default_factory=list)
    phases: Annotated[list[Phase], Field(min_length=1)]
    leaderboards: Annotated[list[Leaderboard], Field(min_length=1)]
    registration_auto_approve: bool = False
    docker_image: str = "codalab/codalab-legacy:py37"
    queue: str | None = None
    make_programs_available: bool = False
    make_input_data_available: bool = False
    enable_detailed_results: bool = False
    show_detailed_results_in_submission_panel: bool = True
    show_detailed_results_in_leaderboard: bool = True
    auto_run_submissions: bool = True
    can_participants_make_submissions_public: bool = True
    forum_enabled: bool = True
    competition_type: str | None = "competition"
    fact_sheet: dict[str, Any] | None = None
    reward: str | None = None
    contact_email: str | None = None

    @field_validator("version")
    @classmethod
    def _two(cls, value: str) -> str:
        if value != "2":
            raise ValueError("version: 2 (Codabench turns an older bundle into one: upload it, then dump it there)")
        return value

"""What Codabench's REST API says, as far as it is read here; the names are those of its serializers."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Credentials(BaseModel):
    """What is sent to ``api-token-auth/`` for a token, and kept nowhere."""

    username: str
    password: str = Field(repr=False)


class Token(_Answer):
    """``POST api-token-auth/``"""

    token: str = Field(repr=False)


class Profile(_Answer):
    """``GET my_profile/``"""

    username: str


class Listed(_Answer):
    """One of ``GET competitions/``"""

    id: int
    title: str
    description: str | None = None
    participants_count: int | None = None


class Page(_Answer):
    """``GET competitions/public/``, which every Codabench server answers."""

    count: int
    results: list[Listed]


class File(_Answer):
    """Public data or a starting kit of a phase."""

    key: str
    name: str | None = None


class Task(_Answer):
    """A task of a phase."""

    id: int
    name: str | None = None

    @property
    def title(self) -> str:
        """Its name, or its number."""
        return self.name or f"task {self.id}"


class Phase(_Answer):
    """A phase; ``status`` is ``Previous``, ``Current`` or ``Next``."""

    id: int
    name: str
    status: str
    start: datetime
    end: datetime | None = None
    tasks: list[Task] = []
    has_max_submissions: bool = False
    max_submissions_per_day: int | None = None
    max_submissions_per_person: int | None = None
    used_submissions_per_day: int = 0
    used_submissions_per_person: int = 0
    hide_output: bool = False
    public_data: File | None = None
    starting_kit: File | None = None

    @property
    def is_open(self) -> bool:
        """Whether the server's own page would take a submission."""
        return self.status == "Current"


class Column(_Answer):
    """A column of a leaderboard."""

    key: str
    title: str
    index: int
    sorting: str = "desc"
    hidden: bool = False
    precision: int = 2


class ShownLeaderboard(_Answer):
    """A leaderboard of a competition: its columns and rules, without rows."""

    primary_index: int
    columns: list[Column]
    submission_rule: str = "Add"


class Competition(_Answer):
    """``GET competitions/NUMBER/``"""

    id: int
    title: str
    description: str | None = None
    phases: list[Phase]
    leaderboards: list[ShownLeaderboard] = []
    participant_status: str | None = None
    auto_run_submissions: bool = True
    fact_sheet: dict[str, object] | None = None


class Permission(_Answer):
    """``GET can_make_submission/PHASE/``"""

    can: bool
    reason: str | None = None


class NewData(BaseModel):
    """``POST datasets/``"""

    type: str = "submission"
    competition: int
    name: str
    request_sassy_file_name: str
    file_name: str
    file_size: int


class Upload(_Answer):
    """Where the file of a new data set is to be put: a signed address, which is a secret."""

    key: str
    sassy_url: str = Field(repr=False)


class Data(_Answer):
    """One of ``GET datasets/``"""

    id: int
    name: str | None = None


class DataPage(_Answer):
    """``GET datasets/``"""

    results: list[Data]


class NewSubmission(BaseModel):
    """``POST submissions/``: without ``tasks``, all of the phase's are run."""

    data: str
    phase: int


class Created(_Answer):
    """What comes back when a submission was created."""

    id: int


class Score(_Answer):
    """A score; with ``task_id`` on a leaderboard."""

    index: int
    column_key: str
    score: Decimal
    task_id: int | None = None


class Submission(_Answer):
    """``GET submissions/`` and ``GET submissions/NUMBER/``"""

    id: int
    phase: int
    phase_name: str
    owner: str
    status: str
    status_details: str | None = None
    created_when: datetime
    filename: str = ""
    parent: int | None = None
    has_children: bool = False
    scores: list[Score] = []
    task: Task | None = None
    on_leaderboard: bool = False


class Cancelled(_Answer):
    """``GET submissions/NUMBER/cancel_submission/``"""

    canceled: bool


class LogFile(_Answer):
    """One log of a submission, at a signed address."""

    name: str
    data_file: str = Field(repr=False)


class Details(_Answer):
    """``GET submissions/NUMBER/get_details/``"""

    logs: list[LogFile] = []


class Row(_Answer):
    """A row of a leaderboard."""

    id: int
    owner: str
    scores: list[Score] = []
    created_when: datetime


class RankedTask(_Answer):
    """A task on a leaderboard, with its columns."""

    id: int
    name: str | None = None
    columns: list[Column]


class Leaderboard(_Answer):
    """``GET phases/PHASE/get_leaderboard/``: rows in order, the best first."""

    primary_index: int
    submissions: list[Row]
    tasks: list[RankedTask]

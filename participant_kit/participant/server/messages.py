"""Messages between the server extension and the page. ``extension/src/messages.ts`` says the same in TypeScript.

======  ================================  =============================  ==========================================
method  path (below ``/participant-kit``)  body                           answer
======  ================================  =============================  ==========================================
GET     ``/kits``                                                        list of :class:`Kit`
POST    ``/notebook``                     :class:`NotebookAt`            :class:`Kit` or null
POST    ``/preview``                      :class:`NotebookAt`            :class:`Preview`
POST    ``/submissions``                  :class:`Send`                  :class:`SubmissionView`
GET     ``/submissions/{id}``                                            :class:`SubmissionView`
GET     ``/submissions/{id}/log``                                        :class:`Log`
GET     ``/submissions/{id}/receipt``                                    DSSE envelope
POST    ``/submissions/{id}/open``                                       :class:`Opened`
POST    ``/submissions/{id}/cancel``                                     :class:`SubmissionView`
POST    ``/submissions/{id}/again``                                      :class:`SubmissionView`
GET     ``/leaderboard``                  ``gateway challenge phase      :class:`Board`
                                          offset limit``
POST    ``/login``                        :class:`Login`                 :class:`Who`
GET     ``/challenges``                   ``gateway``                    list of :class:`Offer`
POST    ``/joins``                        :class:`Join`                  :class:`Job`
POST    ``/rehearsals``                   :class:`NotebookAt`            :class:`Job`
GET     ``/jobs/{id}``                                                   :class:`Job`
DELETE  ``/jobs/{id}``                                                   :class:`Job`
GET     ``/events``                       websocket                      :class:`Event`, see there
======  ================================  =============================  ==========================================

Paths of files are those of Jupyter's contents API. Every error is a :class:`Problem` with its HTTP status.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.protocol import messages as protocol
from participant_kit.protocol.messages import Leaderboard, Quota, SubmissionStatus

Text = Annotated[str, Field(max_length=2000)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(protocol.Problem):
    """Something a person is to know, with what the check has found."""

    findings: list[Finding] = Field(default_factory=list)

    @classmethod
    def of(cls, error: KitError) -> Problem:
        """The problem that ``error`` tells of."""
        findings = error.findings if isinstance(error, FindingsError) else []
        return cls(code=error.code, message=error.message, hint=error.hint, findings=findings)

    @classmethod
    def unforeseen(cls, error: Exception) -> Problem:
        """The problem of an error that nobody has words for."""
        message = f"It failed in a way that was not foreseen ({type(error).__name__})."
        hint = "Try again. If it fails again, tell whoever runs the challenge."
        return cls(code="internal", message=message, hint=hint)


class Kit(_Message):
    """A starter kit on this machine. ``path`` is its folder, None where Jupyter does not show it.

    With ``codabench`` it is that of a competition: ``gateway`` is its server, and ``challenge`` its number there.
    """

    gateway: str
    challenge: str
    title: str
    folder: str
    path: str | None
    overview: str | None = None
    data: str | None = None
    notebook: str | None = None
    kernel: str
    codabench: bool = False


class NotebookAt(_Message):
    """A notebook, by its path; to be sent to ``target``, the folder of a competition, where its own is not meant."""

    path: Text
    target: Text | None = None


class PhaseView(_Message):
    """A phase; it may have no end on a Codabench server."""

    name: str
    starts: datetime
    ends: datetime | None


class MetricView(_Message):
    """A column of scores."""

    name: str
    higher_is_better: bool
    decimals: int
    primary: bool


class Preview(_Message):
    """What is to be known before a notebook is sent. ``problem`` says why the gateway's half is missing.

    A Codabench server counts no bits.
    """

    kit: Kit
    findings: list[Finding]
    phase: str | None = None
    phases: list[PhaseView]
    quota: Quota | None = None
    most_bits: float | None = None
    budget_bits: float | None = None
    problem: Problem | None = None


class Send(NotebookAt):
    """A notebook to be submitted. Warnings of the check are in the way unless ``override``; errors always are."""

    phase: str | None = None
    name: Text = ""
    note: Text = ""
    override: bool = False


class SubmissionView(SubmissionStatus):
    """A submission for the page. ``scores`` and ``failure`` are those of the receipt, once ``verified``.

    ``notebook`` is where it was submitted from, None when nothing is there any more; ``kept`` says that the
    notebook exactly as it was sent is on this machine. ``problem`` is set when what the gateway shows is not
    what the secure side has signed. On a Codabench server nothing is signed, and nothing is ``verified``: ``said`` is
    its own word for the state, and ``details`` what it adds.
    """

    gateway: str
    name: str = ""
    note: str = ""
    notebook: str | None = None
    kept: bool = False
    verified: bool = False
    explanation: str = ""
    next_step: str = ""
    said: str = ""
    details: str = ""
    problem: Problem | None = None


class Log(_Message):
    """What a rehearsal printed, on this machine or on the rehearsal runner."""

    title: str
    text: str


class Opened(_Message):
    """Where a file is that can now be opened."""

    path: str


class Board(Leaderboard):
    """A leaderboard; ``me`` is the name of whoever the token belongs to."""

    gateway: str
    me: str | None


class ChallengeView(_Message):
    """A challenge as the panel shows it; ``server_time`` is the gateway's clock."""

    kit: Kit
    summary: str
    me: str | None
    phases: list[PhaseView]
    open_phase: str | None
    metrics: list[MetricView]
    quota: Quota | None
    most_bits: float | None
    budget_bits: float | None
    kit_is_current: bool
    server_time: datetime


class Login(_Message):
    """A token for a gateway. It is kept on this side, and never sent back."""

    gateway: Text
    token: Annotated[str, Field(max_length=2000, repr=False)]


class Who(_Message):
    """Who a token belongs to; None without one."""

    gateway: str
    name: str | None


class Offer(_Message):
    """A challenge that a gateway offers. ``folder`` is where its kit is on this machine, if it is."""

    challenge: str
    title: str
    summary: str
    open_phase: str | None
    metric: str
    kit_bytes: int
    kit_sha256: str
    joined: Kit | None


class Join(_Message):
    """A challenge to be joined. ``folder`` is a path of Jupyter's; ``checksum`` the kit's SHA-256 (hex)."""

    gateway: Text
    challenge: Text
    folder: Text | None = None
    checksum: Text | None = None


class Job(_Message):
    """Work on this machine: joining a challenge, or a rehearsal. ``result`` is its own once it is done."""

    id: str
    kind: Literal["join", "rehearsal"]
    title: str
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    line: str = ""
    kit: Kit | None = None
    path: str | None = None
    cell: int | None = None
    reason: str | None = None
    seconds: float | None = None
    explanation: str = ""
    contained: bool = True
    log: str = ""
    problem: Problem | None = None


class Event(_Message):
    """One message of the websocket to the page; ``kind`` says which of the others is set.

    The page sends ``{"watch": [["GATEWAY", "CHALLENGE"], ...]}`` whenever what it shows changes. It gets all there
    is to know of those at once (``whole`` is set on the first ``submissions``), and then what changes. ``alive``
    comes every few seconds, so that the page can tell a silent line from a dead one.
    """

    kind: Literal["challenge", "submissions", "board", "problem", "job", "alive"]
    gateway: str = ""
    challenge: str = ""
    view: ChallengeView | None = None
    submissions: list[SubmissionView] = []
    whole: bool = False
    board: Board | None = None
    problem: Problem | None = None
    job: Job | None = None

    def json_text(self) -> str:
        """As it is sent."""
        return self.model_dump_json(exclude_none=True)

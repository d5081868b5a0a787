"""Messages of the gateway's HTTP API, version 1. Both ends use these classes; OpenAPI is made from them.

======  ===========================================  ==================  =====================================
method  path (below ``/api/v1``)                     who                 body and answer
======  ===========================================  ==================  =====================================
GET     ``/``                                        anyone              :class:`ServerInfo`
GET     ``/me``                                      any token           :class:`Account`
POST    ``/hub``                                     JupyterHub's token  :class:`NewToken`
POST    ``/accounts``                                organizer           :class:`NewAccount`, :class:`NewToken`
GET     ``/challenges``                              anyone              list of :class:`ChallengeInfo`
GET     ``/challenges/{slug}``                       anyone              :class:`ChallengeInfo`
PUT     ``/challenges/{slug}``                       organizer           zip of the kit, :class:`ChallengeInfo`
GET     ``/challenges/{slug}/kit``                   anyone              zip of the kit
GET     ``/challenges/{slug}/leaderboard?phase=``    anyone              :class:`Leaderboard`, in pages, with an ETag
GET     ``/challenges/{slug}/quota?phase=``          participant         :class:`Quota`
GET     ``/challenges/{slug}/changes?after=&tag=``   participant         :class:`Changes`
PUT     ``/challenges/{slug}/submissions/{id}``      participant         sealed bytes, :class:`SubmissionStatus`
GET     ``/submissions?challenge=``                  participant         list of :class:`SubmissionStatus`
GET     ``/submissions/{id}?version=&wait=``         participant         :class:`SubmissionStatus`
POST    ``/submissions/{id}/cancel``                 participant         :class:`SubmissionStatus`
GET     ``/submissions/{id}/log``                    participant         sealed :class:`RehearsalReport`
GET     ``/submissions/{id}/receipt``                participant         DSSE envelope
POST    ``/claims``                                  runner              :class:`ClaimRequest`, :class:`Claim` or 204
POST    ``/leases/{id}/renew``                       runner              :class:`LeaseToken`, :class:`Lease`
POST    ``/leases/{id}/return``                      runner              :class:`LeaseToken`, 204
POST    ``/leases/{id}/rehearsal``                   rehearsal runner    :class:`RehearsalResult`, 204
POST    ``/leases/{id}/result``                      blind runner        :class:`BlindResult`, 204
======  ===========================================  ==================  =====================================

A submission is sent with ``?phase=``.

Tokens travel as ``Authorization: Bearer``. Every error is a :class:`Problem` with its HTTP status.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from participant_kit.challenge.card import Card, Slug
from participant_kit.protocol.keys import KeyRing, Role
from participant_kit.protocol.receipts import Failure
from participant_kit.protocol.states import State

API_PREFIX = "/api/v1"
AccountRole = Literal["participant", "organizer", "runner", "rehearsal"]
"""``runner`` and ``rehearsal`` are the two roles of the runner; each has a token of its own."""


def _from_base64(value: Any) -> Any:
    return base64.b64decode(value, validate=True) if isinstance(value, str) else value


Base64 = Annotated[
    bytes,
    BeforeValidator(_from_base64),
    PlainSerializer(lambda data: base64.b64encode(data).decode(), return_type=str, when_used="json-unless-none"),
    WithJsonSchema({"type": "string", "format": "byte"}),
]
"""Bytes in Python, base64 (RFC 4648) in JSON."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(_Message):
    """Every error answer. ``code`` is a stable word; ``hint`` is the next step."""

    code: str
    message: str
    hint: str = ""


class ServerInfo(_Message):
    """Which server this is. ``now`` is its clock, UTC."""

    name: Literal["participant-kit gateway"] = "participant-kit gateway"
    version: str
    now: datetime


class Account(_Message):
    """Who a token belongs to."""

    name: str
    role: AccountRole


class NewAccount(_Message):
    """A person or runner to be let in. ``valid_days`` bounds the token's life; None is for ever."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$")]
    role: AccountRole = "participant"
    valid_days: Annotated[int, Field(ge=1, le=3650)] | None = 365


class NewToken(_Message):
    """The only time that the token is shown; the gateway keeps its hash."""

    name: str
    role: AccountRole
    token: str
    expires_at: datetime | None


class ChallengeInfo(_Message):
    """A published challenge. ``open_phase`` is the one that accepts submissions now, if any."""

    card: Card
    keys: KeyRing
    kit_sha256: str
    kit_bytes: int
    open_phase: str | None
    now: datetime


class Quota(_Message):
    """What a participant has used of a phase. Counts reset at ``resets_at``, midnight UTC.

    ``revealed_bits`` is what their results have cost so far, of the ``budget_bits`` that the card allows;
    ``challenge_bits`` what those of all participants have, of ``challenge_budget_bits``. ``data_budget_bits`` is for
    every challenge on the data set together; what is left of it, the secure side alone knows.
    """

    phase: str
    used_today: int
    per_day: int | None
    used_total: int
    total: int | None
    resets_at: datetime
    revealed_bits: float = 0.0
    budget_bits: float | None = None
    challenge_bits: float = 0.0
    challenge_budget_bits: float | None = None
    data_budget_bits: float | None = None


class SubmissionStatus(_Message):
    """A submission as its participant sees it.

    ``version`` grows with each change, for long polls. ``counted`` says whether quota was used.
    ``attempt`` is how often a runner has started on the rehearsal, or on the blind run. ``has_log`` says that a
    sealed rehearsal report waits. ``disqualified`` is the organizer's reason why it does not count.
    """

    id: str
    challenge: str
    phase: str
    participant: str
    state: State
    version: int
    attempt: int
    counted: bool
    created_at: datetime
    updated_at: datetime
    rehearsed: bool = False
    has_log: bool = False
    has_receipt: bool = False
    scores: dict[str, float] | None = None
    failure: Failure | None = None
    queue_position: int | None = None
    disqualified: str | None = None


class Changes(_Message):
    """What changed for a participant in one challenge since they asked last.

    ``revision`` is sent back as ``after``: only submissions that changed later are in the next answer, and those
    that are queued, whose place moves. ``tag`` is sent back too; another one means that the board, the kit or
    the open phase changed.
    """

    revision: int
    tag: str
    submissions: list[SubmissionStatus]


class RehearsalReport(_Message):
    """What a failed rehearsal found, sealed to the participant. ``log`` is everything that was printed."""

    stage: str
    cell: int | None = None
    reason: str | None = None
    message: str = ""
    log: str = ""


class LeaderboardRow(_Message):
    """One participant's best submission. Equal primary scores share a rank; the earlier stands first."""

    rank: int
    participant: str
    scores: dict[str, float]
    submitted_at: datetime
    submissions: int


class Leaderboard(_Message):
    """A page of the board of one phase, best first. ``rows`` is empty while ``hidden``.

    ``participants`` counts all. Who asks with a token and is on another page is the last one of ``rows``.
    """

    challenge: str
    phase: str
    primary: str
    higher_is_better: bool
    hidden: bool
    participants: int
    rows: list[LeaderboardRow]


class ClaimRequest(_Message):
    """A runner's request for work; the gateway answers at once, or within ``wait`` seconds.

    ``cpus``, ``memory`` (bytes), ``wall_time`` (seconds) and ``gpus`` are the most that the runner can give to one
    submission: it gets only those of challenges whose limits fit. None is any. A runner with a short ``wall_time`` is
    never taken by long ones.
    """

    role: Role
    runner: Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
    challenges: Annotated[list[Slug], Field(min_length=1, max_length=100)]
    wait: Annotated[float, Field(ge=0, le=60)] = 25
    cpus: Annotated[int, Field(ge=1)] | None = None
    memory: Annotated[int, Field(ge=1)] | None = None
    wall_time: Annotated[float, Field(gt=0)] | None = None
    gpus: Annotated[int, Field(ge=0)] | None = None


class LeaseToken(_Message):
    """The fencing token of a lease: only its holder may renew, return or finish the submission."""

    token: str


class Lease(LeaseToken):
    """A submission lent to one runner until ``expires_at``; ``seconds`` is what is left of it."""

    attempt: int
    expires_at: datetime
    seconds: float


class Claim(_Message):
    """Work: the lease and the sealed notebook in one answer."""

    submission: str
    challenge: str
    phase: str
    participant: str
    lease: Lease
    sealed: Base64


class RehearsalResult(LeaseToken):
    """How a rehearsal ended. ``report`` is a :class:`RehearsalReport` sealed to the participant."""

    passed: bool
    report: Base64 | None = None


class BlindResult(LeaseToken):
    """A signed receipt; see :mod:`participant_kit.protocol.receipts`."""

    envelope: dict[str, Any]

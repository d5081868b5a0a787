"""Whatever happens in whatever order: no submission is lost, none has two results, no quota is lost or used twice.

Participants submit, again, and cancel; runners claim, renew, give back, finish, vanish, and come back too late; the
clock goes on, jumps a day, or goes back; the gateway is started anew, or fails in the middle of a change. Beside it
runs a model of what should be, as simple as it can be.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from databases import DATABASES, MEMORY, fresh_database
from gateway_world import BLIND, make_envelope, make_kit
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, select
from support import CARD

from participant_kit.gateway import accounts, leases, quotas, submissions
from participant_kit.gateway.accounts import Caller, create_token
from participant_kit.gateway.app import _sweep as sweep
from participant_kit.gateway.app import create_app
from participant_kit.gateway.blobs import Disk
from participant_kit.gateway.challenges import find_challenge
from participant_kit.gateway.database import Database
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.publish import publish
from participant_kit.gateway.routes import challenges as challenge_routes
from participant_kit.gateway.routes import runners
from participant_kit.gateway.routes import submissions as submission_routes
from participant_kit.gateway.service import Service
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.tables import best, results
from participant_kit.gateway.tables import submissions as submissions_table
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import Role
from participant_kit.protocol.messages import Account, BlindResult, Claim, ClaimRequest, LeaseToken, RehearsalResult
from participant_kit.protocol.states import FINAL, State

EXAMPLES = int(os.environ.get("PKIT_STATEFUL_EXAMPLES", "6"))
PER_DAY, TOTAL, LEASE, ATTEMPTS = 3, 6, 30.0, 3
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()
PEOPLE = ("ada", "bob")
RUNNERS = {Role.BLIND: Account(name="runner", role="runner"), Role.REHEARSAL: Account(name="other", role="rehearsal")}
FAULTS = {"scored": None, "notebook": {"stage": "notebook"}, "sandbox": {"stage": "sandbox"}}
"""How a blind run ends. The last is not the participant's fault."""


def of(participant: str) -> Caller:
    return Caller(name=participant, role="participant", person=participant)


@dataclass
class Kept:
    """What is known of a submission that the gateway has taken."""

    participant: str
    sealed: bytes
    created: float
    state: State = State.QUEUED
    role: Role = Role.REHEARSAL
    counted: bool = True
    lost: int = 0
    claim: Claim | None = None
    expires: float = 0.0
    envelope: dict[str, Any] | None = None

    def end(self, state: State, counted: bool) -> None:
        self.state, self.counted = state, counted
        if state != State.CANCELLED:
            self.claim = None

    def holds(self, claim: Claim) -> bool:
        return self.claim is not None and self.claim.lease.token == claim.lease.token and self.state not in FINAL


class Crash(Exception):
    """The process ends in the middle of a change."""


@dataclass
class Template:
    """A gateway's folder with one challenge that rehearses, copied for each example."""

    kind: str
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp()))

    def __post_init__(self) -> None:
        self.database = fresh_database(self.kind)
        self.url = self.database.__enter__()
        card = CARD.replace(b"per_day: 10, total: 100", b"per_day: %d, total: %d" % (PER_DAY, TOTAL))
        kit = make_kit(self.folder / "kit", card, (Role.BLIND, Role.REHEARSAL))
        service: Service = create_app(self.settings(self.folder / "gateway", self.url)).state.service
        publish(service, "small", kit, "org")
        service.database.close()
        for name in PEOPLE:
            create_token(self.folder / "gateway", name, "participant", database=self.url)

    @staticmethod
    def settings(data: Path, url: str | None) -> Settings:
        return Settings(data, url, lease=LEASE, max_attempts=ATTEMPTS)

    def copy(self, data: Path) -> AbstractContextManager[str | None]:
        """A gateway like this one in ``data``; the URL of its database, if that is a server's."""
        shutil.copytree(self.folder / "gateway", data)
        return fresh_database(self.kind, self.url.partition("?")[0].rpartition("/")[2] if self.url else "")

    def close(self) -> None:
        self.database.__exit__(None, None, None)
        shutil.rmtree(self.folder)


@pytest.fixture(scope="class", autouse=True)
def template(request: pytest.FixtureRequest) -> Any:
    World.template = Template("postgresql" if "postgresql" in request.cls.__name__.lower() else "sqlite")
    yield
    World.template.close()


class World(RuleBasedStateMachine):
    """One gateway, two participants, any number of runners, and a clock."""

    template: Template

    @initialize()
    def begin(self) -> None:
        self.data = Path(tempfile.mkdtemp(dir=MEMORY)) / "gateway"
        self.database = self.template.copy(self.data)
        self.url = self.database.__enter__()
        self.now = NOON
        self.kept: dict[str, Kept] = {}
        self.claims: list[Claim] = []
        self.patch = pytest.MonkeyPatch()
        for module in (accounts, leases, quotas, submissions):
            self.patch.setattr(module, "time", SimpleNamespace(time=lambda: self.now))
        self.start()

    def start(self) -> None:
        settings = Template.settings(self.data, self.url)
        self.service = Service(settings, Database(settings), Disk(self.data / "blobs"))
        sweep(self.service)

    def teardown(self) -> None:
        if hasattr(self, "service"):
            try:
                self.everything_ends_at_last()
            finally:
                self.service.database.close()
                self.patch.undo()
                self.database.__exit__(None, None, None)
                shutil.rmtree(self.data.parent)

    def ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """The answer, or the status of the refusal."""
        try:
            return call(*arguments)
        except GatewayError as refused:
            return refused.status

    # what participants do

    def used(self, participant: str) -> tuple[int, int]:
        mine = [each for each in self.kept.values() if each.participant == participant and each.counted]
        today = datetime.fromtimestamp(self.now, UTC).date()
        return sum(datetime.fromtimestamp(each.created, UTC).date() == today for each in mine), len(mine)

    def send(self, participant: str, identifier: str, sealed: bytes) -> Any:
        with self.service.database.read() as connection:
            challenge = find_challenge(connection, "small")
        return self.ask(submission_routes._store, self.service, challenge, None, of(participant), identifier, sealed)

    @rule(participant=st.sampled_from(PEOPLE))
    def submit(self, participant: str) -> None:
        identifier, sealed, (today, total) = new_identifier(), os.urandom(8), self.used(participant)
        answer = self.send(participant, identifier, sealed)
        if today >= PER_DAY or total >= TOTAL:
            assert answer == 429
        else:
            assert answer.id == identifier
            self.kept[identifier] = Kept(participant, sealed, self.now)

    def pick(self, which: int) -> str:
        return sorted(self.kept)[which % len(self.kept)]

    @precondition(lambda self: self.kept)
    @rule(which=st.integers(0, 99), other=st.sampled_from([None, "sealed", "participant"]))
    def submit_again(self, which: int, other: str | None) -> None:
        """The answer was lost, or somebody uses an identifier that is not theirs."""
        identifier = self.pick(which)
        known = self.kept[identifier]
        participant = "eve" if other == "participant" else known.participant
        answer = self.send(participant, identifier, b"other" if other == "sealed" else known.sealed)
        assert answer == 409 if other else answer.state == known.state

    @precondition(lambda self: self.kept)
    @rule(which=st.integers(0, 99))
    def cancel(self, which: int) -> None:
        identifier = self.pick(which)
        known = self.kept[identifier]
        if known.state not in FINAL:
            known.end(State.CANCELLED, counted=known.state == State.RUNNING)
        who = of(known.participant)
        assert self.ask(submission_routes.post_cancel, identifier, self.service, who).state == known.state

    # what runners do

    @rule(role=st.sampled_from(Role))
    def claim(self, role: Role) -> None:
        self.expire()
        claim = runners._claim(self.service, ClaimRequest(role=role, runner="r", challenges=["small"], wait=0))
        waiting = {name for name, each in self.kept.items() if (each.state, each.role) == (State.QUEUED, role)}
        assert (claim is None) == (not waiting), "what is queued is lent to whoever asks"
        if claim:
            assert claim.submission in waiting
            known = self.kept[claim.submission]
            assert claim.sealed == known.sealed
            known.state = State.REHEARSING if role == Role.REHEARSAL else State.RUNNING
            known.claim, known.expires = claim, self.now + LEASE
            self.claims.append(claim)

    def expire(self) -> None:
        """Whoever asks for work ends what others have lost."""
        for known in self.kept.values():
            if known.claim and known.state not in FINAL:
                known.expires = min(known.expires, self.now + LEASE)  # the clock may have gone back
                if known.expires < self.now:
                    known.claim, known.lost = None, known.lost + 1
                    if known.lost == ATTEMPTS:
                        known.end(State.FAILED, counted=False)
                    else:
                        known.state = State.QUEUED

    def told(self, claim: Claim, call: Callable[..., Any], body: LeaseToken, role: Role) -> bool:
        """Whether a runner's word was taken, which is when it still holds the lease."""
        answer = self.ask(call, claim.submission, body, self.service, RUNNERS[role])
        taken = answer != 409
        assert taken == self.kept[claim.submission].holds(claim)
        return taken

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 99))
    def renew(self, which: int) -> None:
        claim = self.claims[which % len(self.claims)]
        if self.told(claim, runners.post_renew, LeaseToken(token=claim.lease.token), Role.BLIND):
            self.kept[claim.submission].expires = self.now + LEASE

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 99))
    def give_back(self, which: int) -> None:
        claim = self.claims[which % len(self.claims)]
        if self.told(claim, runners.post_return, LeaseToken(token=claim.lease.token), Role.BLIND):
            known = self.kept[claim.submission]
            known.state, known.claim = State.QUEUED, None

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 99), passed=st.booleans())
    def rehearsed(self, which: int, passed: bool) -> None:
        claim = self.claims[which % len(self.claims)]
        known = self.kept[claim.submission]
        body = RehearsalResult(token=claim.lease.token, passed=passed, report=None if passed else b"report")
        if known.state == State.RUNNING and known.holds(claim):
            assert self.ask(runners.post_rehearsal, claim.submission, body, self.service, RUNNERS[Role.BLIND]) == 409
        elif self.told(claim, runners.post_rehearsal, body, Role.REHEARSAL):
            if passed:
                known.state, known.role, known.claim, known.lost = State.QUEUED, Role.BLIND, None, 0
            else:
                known.end(State.FAILED, counted=False)

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 99), auc=st.sampled_from([0.25, 0.5]), fault=st.sampled_from(sorted(FAULTS)))
    def ran(self, which: int, auc: float, fault: str) -> None:
        """A result arrives: the first, again, another, too late, or of what was never run."""
        claim = self.claims[which % len(self.claims)]
        known = self.kept[claim.submission]
        envelope = make_envelope(claim, auc, BLIND, failure=FAULTS[fault])
        body = BlindResult(token=claim.lease.token, envelope=envelope)
        answer = self.ask(runners.post_result, claim.submission, body, self.service, RUNNERS[Role.BLIND])
        if known.envelope:
            assert answer == (None if known.envelope == envelope else 409)
        elif known.holds(claim) and known.state == State.RUNNING:
            assert answer is None
            known.envelope = envelope
            known.end(State.FAILED if FAULTS[fault] else State.SCORED, counted=fault != "sandbox")
        else:
            assert answer == 409

    # what befalls the gateway

    @rule(seconds=st.sampled_from([1.0, 20.0, LEASE + 1]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(seconds=st.sampled_from([86400.0, -5.0, -86400.0]))
    def jump(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.kept)
    @rule()
    def restart(self) -> None:
        self.service.database.close()
        self.start()

    @precondition(lambda self: self.kept)
    @rule(which=st.integers(0, 99))
    def crash(self, which: int) -> None:
        """In the middle of every change that there is; what had not been said is not so."""
        identifier = self.pick(which)
        with pytest.raises(Crash), self.service.database.write() as connection:
            request = ClaimRequest(role=Role.BLIND, runner="r", challenges=["small"], wait=0)
            leases.claim(connection, request, self.service.settings)
            submissions.cancel_submission(connection, identifier, self.kept[identifier].participant)
            raise Crash
        self.restart()

    # what always holds

    @invariant()
    def all_that_was_taken_is_there_and_nothing_else(self) -> None:
        if not hasattr(self, "service"):
            return
        with self.service.database.read() as connection:
            columns = submissions_table.c
            rows = connection.execute(select(columns.id, columns.state, columns.counted)).all()
            assert {row.id: (row.state, row.counted) for row in rows} == {
                name: (each.state.value, each.counted) for name, each in self.kept.items()
            }
            stored = connection.execute(select(results.c.submission, results.c.envelope)).all()
            assert {row.submission: row.envelope for row in stored} == {
                name: each.envelope for name, each in self.kept.items() if each.envelope
            }
            scored = connection.scalar(select(func.sum(best.c.submissions))) or 0
            assert scored == sum(each.state == State.SCORED for each in self.kept.values())

    @invariant()
    def the_quota_is_what_was_used(self) -> None:
        for name in PEOPLE if hasattr(self, "service") else ():
            quota = challenge_routes.get_quota("small", self.service, of(name))
            assert (quota.used_today, quota.used_total) == self.used(name)

    def everything_ends_at_last(self) -> None:
        """Runners that work find all that is left, and the gateway keeps no notebook then."""
        for _ in range(2 * len(self.kept) + 1):
            self.now += LEASE + 1
            for role in Role:
                self.claim(role)
                if self.kept and self.claims:
                    self.rehearsed(len(self.claims) - 1, passed=True)
                    self.ran(len(self.claims) - 1, 0.5, "scored")
        assert all(each.state in FINAL for each in self.kept.values())
        self.all_that_was_taken_is_there_and_nothing_else()
        self.the_quota_is_what_was_used()
        assert not list((self.data / "blobs" / "sealed").glob("*"))


class OnSQLite(World):
    """The embedded default."""


class OnPostgreSQL(World):
    """What several processes share."""


CHOICE = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
OnSQLite.TestCase.settings = OnPostgreSQL.TestCase.settings = CHOICE
if "sqlite" in DATABASES:
    TestOnSQLite = OnSQLite.TestCase
if "postgresql" in DATABASES:
    TestOnPostgreSQL = OnPostgreSQL.TestCase

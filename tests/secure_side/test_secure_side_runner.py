"""The loop that both roles share: it outlives what goes wrong, and runs only what was sealed for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import CARD

from participant_kit.challenge.card import Limits
from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.protocol.errors import UNREACHABLE, GatewayError, ProtocolError
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys, held_together, read_secret_keys
from participant_kit.protocol.messages import Claim, Lease
from participant_kit.protocol.sealing import Binding, seal_notebook
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.keys import KeyWatch, make_keys, revoke_key, runner_keys
from participant_kit.secure_side.lease import HeldLease
from participant_kit.secure_side.runner import Runner
from participant_kit.secure_side.service import Settings
from participant_kit.secure_side.service import runner as prepared

KEYS = SecretKeys.generate(Role.BLIND)


class FakeGateway:
    """Answers claims from ``claims``, then with nothing, and tells the runner to stop after ``rounds`` of that."""

    def __init__(self, *claims: Claim | Exception) -> None:
        self.claims, self.paths = list(claims), list[str]()
        self.runner: Runner | None = None

    def renew(self, submission: str, token: Any) -> Lease:
        self.paths.append(f"{submission}/renew")
        return _lease()

    def give_back(self, submission: str, token: Any) -> None:
        self.paths.append(f"{submission}/return")

    def claim(self, request: Any) -> Claim | None:
        self.asked = request
        self.paths.append("claims")
        if not self.claims:
            assert self.runner
            self.runner.stopping.set()
            return None
        claim = self.claims.pop(0)
        if isinstance(claim, Exception):
            raise claim
        return claim


class Job:
    role = Role.BLIND
    keys: SecretKeys = KEYS

    def __init__(self, work: Callable[[HeldLease], None] = lambda lease: None) -> None:
        self.work, self.notebooks = work, list[bytes | None]()

    def run(self, claim: Claim, binding: Binding, notebook: bytes | None, lease: HeldLease, started: float) -> None:
        self.notebooks.append(notebook)
        self.work(lease)


def _lease() -> Lease:
    return Lease(token="t", attempt=1, expires_at=datetime.now(UTC), seconds=30)  # type: ignore[call-arg]


def claim(*, keys: SecretKeys = KEYS, **sealed_for: str) -> Claim:
    ours = {"challenge": "small", "phase": "development", "participant": "ada", "submission": new_identifier()}
    binding = Binding(**(ours | sealed_for), reply_to="")
    return Claim(**ours, lease=_lease(), sealed=seal_notebook(b"{}", binding, [keys.public.sealing]))  # type: ignore[arg-type]


def serve(job: Job, *claims: Claim | Exception, jobs: int = 1) -> tuple[list[str], FakeGateway]:
    said: list[str] = []
    gateway = FakeGateway(*claims)
    gateway.runner = Runner("r", "small", job, gateway, said.append, jobs)  # type: ignore[arg-type]
    gateway.runner.serve()
    return said, gateway


def test_what_was_sealed_for_this_submission_is_run() -> None:
    job = Job()
    serve(job, claim(), claim())
    assert job.notebooks == [b"{}", b"{}"]


@pytest.mark.parametrize(
    "sealed_for",
    [
        {"challenge": "other"},
        {"phase": "final"},
        {"participant": "eve"},
        {"submission": new_identifier()},
        {"keys": SecretKeys.generate(Role.BLIND)},
    ],
    ids=lambda sealed_for: next(iter(sealed_for)),
)
def test_what_was_sealed_for_another_is_not_opened(sealed_for: dict[str, Any]) -> None:
    job = Job()
    serve(job, claim(**sealed_for))
    assert job.notebooks == [None]


def test_what_was_sealed_to_either_of_its_keys_is_run() -> None:
    newer = SecretKeys.generate(Role.BLIND)
    job = Job()
    job.keys = held_together([KEYS, newer], KeyRing(runners=[KEYS.public, newer.public]))
    serve(job, claim(), claim(keys=newer), claim(keys=SecretKeys.generate(Role.BLIND)))
    assert job.notebooks == [b"{}", b"{}", None]


@pytest.mark.parametrize("error", [RuntimeError("row 4711"), ProtocolError("row 4711"), KeyError("row 4711")])
def test_a_fault_of_its_own_ends_one_job_and_quotes_nothing(error: Exception) -> None:
    def work(lease: HeldLease) -> None:
        if len(job.notebooks) == 1:
            raise error

    job = Job(work)
    said, gateway = serve(job, claim(), claim())
    assert len(job.notebooks) == 2
    assert not any("4711" in line for line in said)
    assert any(type(error).__name__ in line for line in said)
    assert not any(path.endswith("/return") for path in gateway.paths)  # it counts as lost, so that it ends


@pytest.mark.parametrize("error", [SecureSideError("The disk is full."), GatewayError("Away.", code=UNREACHABLE)])
def test_what_cannot_be_ended_here_is_given_back(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.Event.wait", lambda event, timeout=None: event.is_set())

    def work(lease: HeldLease) -> None:
        raise error

    said, gateway = serve(Job(work), claim())
    assert any(path.endswith("/return") for path in gateway.paths)
    assert any("given back" in line for line in said)


def test_a_gateway_that_is_away_is_asked_again_and_one_that_says_no_ends_the_runner() -> None:
    job = Job()
    said, _ = serve(job, GatewayError("Away.", code=UNREACHABLE), claim())
    assert job.notebooks == [b"{}"]
    assert "Away. Asking again in 0.2 s." in said
    with pytest.raises(GatewayError, match="unknown token"):
        serve(job, GatewayError("unknown token", code="token_unknown", status=401))


def test_a_runner_told_to_stop_gives_its_work_back() -> None:
    def work(lease: HeldLease) -> None:
        assert gateway.runner
        gateway.runner.stopping.set()
        assert lease.ended.wait(5)

    job, said = Job(work), list[str]()
    gateway = FakeGateway(claim())
    gateway.runner = Runner("r", "small", job, gateway, said.append)  # type: ignore[arg-type]
    gateway.runner.serve()
    assert gateway.paths[-1].endswith("/return")


def test_what_waits_for_a_person_keeps_its_lease_and_lets_the_next_run() -> None:
    decided, order = threading.Event(), list[str]()

    class Waits(Job):
        def run(self, claim: Claim, *_: Any) -> Any:  # type: ignore[override]
            order.append(claim.submission)
            if len(order) == 2:
                decided.set()
                return None

            def later() -> None:
                assert decided.wait(10), "the second runs while the first waits"
                order.append("decided")

            return later

    first, second = claim(), claim()
    _, gateway = serve(Waits(), first, second)
    assert order == [first.submission, second.submission, "decided"]
    assert not any(path.endswith("/return") for path in gateway.paths)


def test_what_waited_for_another_is_begun_anew() -> None:
    begun = []

    class Waits(Job):
        def run(self, claim: Claim, *_: Any) -> Any:  # type: ignore[override]
            begun.append(claim.submission)
            return (lambda: True) if len(begun) == 1 else None

    only = claim()
    serve(Waits(), only)
    assert begun == [only.submission] * 2


def test_a_runner_told_to_stop_gives_back_what_waits_too() -> None:
    class Waits(Job):
        def run(self, claim: Claim, binding: Binding, notebook: Any, lease: HeldLease, started: float) -> Any:
            return lambda: lease.ended.wait(10)

    _, gateway = serve(Waits(), claim())
    assert gateway.paths[-1].endswith("/return")


def test_several_are_worked_on_at_once_and_no_more_than_was_said() -> None:
    meet, now, most = threading.Barrier(3), list[int](), list[int]()

    def work(lease: HeldLease) -> None:
        now.append(1)
        most.append(len(now))
        meet.wait(10)  # breaks unless three are here at once
        now.pop()

    serve(Job(work), *(claim() for _ in range(6)), jobs=3)
    assert max(most) == 3


def test_a_fault_in_one_of_several_leaves_the_others_alone() -> None:
    meet, ended = threading.Barrier(2), list[int]()

    def work(lease: HeldLease) -> None:
        if meet.wait(10) == 0:
            raise RuntimeError
        ended.append(1)

    said, _ = serve(Job(work), claim(), claim(), jobs=2)
    assert ended == [1] and sum("A fault" in line for line in said) == 1


def test_a_runner_told_to_stop_gives_all_its_work_back() -> None:
    meet = threading.Barrier(3)

    def work(lease: HeldLease) -> None:
        if meet.wait(10) == 0:
            assert gateway.runner
            gateway.runner.stopping.set()
        assert lease.ended.wait(5)

    claims = [claim() for _ in range(3)]
    gateway = FakeGateway(*claims)
    gateway.runner = Runner("r", "small", Job(work), gateway, lambda line: None, 3)  # type: ignore[arg-type]
    gateway.runner.serve()
    assert {path for path in gateway.paths if path.endswith("/return")} == {f"{c.submission}/return" for c in claims}


def test_a_submission_that_is_lent_anew_begins_when_the_work_for_its_former_lease_has_ended() -> None:
    order = list[str]()

    def work(lease: HeldLease) -> None:
        order.append("begins")
        if len(order) == 1:
            assert lease.ended.wait(10), "its former lease is no more"
            time.sleep(0.2)
        order.append("ends")

    same = claim()
    serve(Job(work), same, same, jobs=2)
    assert order == ["begins", "ends"] * 2


def test_what_was_claimed_before_is_gone_on_with_before_anything_new_is_claimed() -> None:
    begun = list[str]()

    class Waits(Job):
        def run(self, claim: Claim, *_: Any) -> Any:  # type: ignore[override]
            begun.append(claim.submission)
            if begun.count(first.submission) == 1 and claim is first:
                return lambda: bool(wait_for(lambda: len(begun) > 2))
            time.sleep(0.05)
            return None

    def wait_for(happens: Callable[[], bool]) -> bool:
        while not happens():
            time.sleep(0.01)
        return True

    first = claim()
    serve(Waits(), first, *(claim() for _ in range(30)))
    assert begun.count(first.submission) == 2
    assert begun.index(first.submission, 1) < 10


def test_a_runner_that_drains_ends_its_job_and_asks_for_no_other() -> None:
    def work(lease: HeldLease) -> None:
        assert gateway.runner
        gateway.runner.draining.set()
        assert not lease.ended.wait(0.3), "the job goes on"

    gateway, job = FakeGateway(claim(), claim()), Job(work)
    gateway.runner = Runner("r", "small", job, gateway, lambda line: None)  # type: ignore[arg-type]
    gateway.runner.serve()
    assert (len(job.notebooks), gateway.paths) == (1, ["claims"])


def test_what_was_asked_for_before_the_drain_goes_back_unrun() -> None:
    class Slow(FakeGateway):
        def claim(self, request: Any) -> Claim | None:
            assert self.runner
            self.runner.draining.set()
            return super().claim(request)

    gateway, job = Slow(claim()), Job()
    gateway.runner = Runner("r", "small", job, gateway, lambda line: None)  # type: ignore[arg-type]
    gateway.runner.serve()
    assert not job.notebooks
    assert gateway.paths[-1].endswith("/return")


def test_a_runner_whose_key_is_revoked_gives_back_what_it_claimed_and_stops(tmp_path: Path) -> None:
    folder = ChallengeFolder(tmp_path)
    file = tmp_path.parent / "blind.key"
    make_keys(file, tmp_path, Role.BLIND)
    watch = KeyWatch(runner_keys([file], folder), folder)
    watch.check()
    revoke_key(read_secret_keys(file).public.signing, tmp_path, "disk stolen", file)
    job = Job()
    gateway = FakeGateway(claim())
    gateway.runner = Runner("r", "small", job, gateway, lambda line: None, check=watch.check)  # type: ignore[arg-type]
    with pytest.raises(ProtocolError, match="disk stolen"):
        gateway.runner.serve()
    assert not job.notebooks and gateway.paths[-1].endswith("/return")


def test_what_waits_for_a_person_goes_back_when_the_runner_drains() -> None:
    def work(lease: HeldLease) -> None:
        assert gateway.runner
        gateway.runner.draining.set()

    class Waits(Job):
        def run(self, *arguments: Any) -> Any:
            super().run(*arguments)
            lease = arguments[3]
            return lambda: lease.ended.wait(20) and False

    gateway, job = FakeGateway(claim()), Waits(work)
    gateway.runner = Runner("r", "small", job, gateway, lambda line: None)  # type: ignore[arg-type]
    gateway.runner.serve()
    assert gateway.paths[-1].endswith("/return")


def test_a_runner_asks_for_nothing_that_needs_more_than_its_card_gives() -> None:
    gateway = FakeGateway()
    limits = Limits.model_validate({"wall_time": "90 s", "cpus": 3, "memory": "2 GiB"})
    gateway.runner = Runner("r", "small", Job(), gateway, lambda line: None, limits=limits)  # type: ignore[arg-type]
    gateway.runner.serve()
    assert (gateway.asked.cpus, gateway.asked.memory, gateway.asked.wall_time) == (3, 2 << 30, 90.0)


def test_a_runner_that_is_kept_for_short_jobs_does_not_start_for_long_ones(tmp_path: Path) -> None:
    (tmp_path / "challenge.yaml").write_bytes(CARD)  # whose notebooks may run for a minute
    settings = Settings("", "", tmp_path, [], tmp_path / "state", max_wall_time=timedelta(seconds=59))
    with (
        pytest.raises(SecureSideError, match="may run for 1 min, and this runner is kept for 59 s"),
        prepared(settings, print),
    ):
        pass
    kept = replace(settings, max_wall_time=timedelta(seconds=60))
    with pytest.raises(KitError, match="key"), prepared(kept, print):  # it goes on to what comes next
        pass

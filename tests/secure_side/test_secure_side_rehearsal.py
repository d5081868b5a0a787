"""A notebook that passed its rehearsal is not rehearsed again; real job, sandbox and log, and a wire that keeps."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support import CARD, SOLUTION, make_notebook

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.messages import Claim, Lease, RehearsalResult
from participant_kit.protocol.sealing import Binding, seal_notebook
from participant_kit.secure_side import passes
from participant_kit.secure_side.egress import LOG, EgressLog, read_egress
from participant_kit.secure_side.passes import Passes
from participant_kit.secure_side.rehearsal import REHEARSAL, RehearsalJob
from participant_kit.secure_side.runner import Runner
from participant_kit.secure_side.workers import LocalWorkers
from participant_kit.secure_side.workplace import Done, Facts, Order, Place, Workplace

pytestmark = pytest.mark.sandbox
KEYS = SecretKeys.generate(Role.REHEARSAL)
ROOT = Path(__file__).parents[2]
GOOD, BAD = make_notebook(SOLUTION), make_notebook("1 / 0")


class Wire:
    """What the runner sends."""

    def __init__(self) -> None:
        self.sent: list[RehearsalResult] = []

    def report(self, submission: str, body: RehearsalResult, *_: Any) -> None:
        self.sent.append(body)

    def renew(self, submission: str, token: Any) -> Lease:
        return lease()


class Counting(LocalWorkers):
    """Workers that know how often they were asked."""

    asked = 0

    def do(self, order: Order, cancelled: threading.Event) -> Done:
        self.asked += 1
        return super().do(order, cancelled)


def lease() -> Lease:
    return Lease(token="t", attempt=1, expires_at=datetime.now(UTC), seconds=30)


class Machine:
    def __init__(self, root: Path, tables: Path) -> None:
        self.folder, self.state, self.wire = ChallengeFolder(root / "kit"), root / "state", Wire()
        self.folder.root.mkdir()
        self.folder.card_path.write_bytes(CARD)
        self.folder.requirements_path.write_bytes((ROOT / "tests" / "requirements.txt").read_bytes())
        self.folder.sample_dir.symlink_to(tables)
        self.place = Place(self.folder.root, Role.REHEARSAL)
        self.workers = Counting(Workplace(self.place, lambda line: None), 1)
        self.log = EgressLog(self.state / LOG, KEYS)

    def rehearse(self, notebook: bytes) -> bool:
        """Whether it passed, as the gateway is told; each time by a runner that was just started."""
        job = RehearsalJob(
            self.folder,
            KEYS,
            Facts.of(self.place),
            self.workers,
            self.log,
            self.wire,  # type: ignore[arg-type]
            lambda line: None,
        )
        said = {"challenge": "small", "phase": "development", "participant": "ada", "submission": new_identifier()}
        sealed = seal_notebook(notebook, Binding(**said, reply_to=""), [KEYS.public.sealing])
        claim = Claim(**said, lease=lease(), sealed=sealed)  # type: ignore[arg-type]
        Runner("r", "small", job, self.wire, lambda line: None).work(claim)  # type: ignore[arg-type]
        return self.wire.sent[-1].passed


@pytest.fixture
def machine(tmp_path: Path, tables: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, tables)
    yield made
    made.workers.close()
    made.log.close()


def test_what_passed_is_not_run_again_and_is_in_the_log_again_and_what_failed_is_run_again(machine: Machine) -> None:
    assert [machine.rehearse(GOOD), machine.rehearse(GOOD)] == [True, True]
    assert machine.workers.asked == 1
    assert [machine.rehearse(BAD), machine.rehearse(BAD)] == [False, False]
    assert machine.workers.asked == 3
    lines = [line for line in read_egress(machine.state / LOG) if line.kind == REHEARSAL]
    assert [line.fields[0].value for line in lines] == [True, True, False, False]
    assert len({line.submission for line in lines}) == 4


def test_another_notebook_card_sample_environment_or_version_has_not_passed(tmp_path: Path) -> None:
    facts = Facts(card="c", data="d", environment="e", version="1")
    Passes(tmp_path, facts).add(b"notebook")
    assert Passes(tmp_path, facts).has(b"notebook")
    assert not Passes(tmp_path, facts).has(b"another")
    for name in ("card", "data", "environment", "version"):
        assert not Passes(tmp_path, replace(facts, **{name: "other"})).has(b"notebook")


def test_the_oldest_passes_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "MOST", 3)
    kept = Passes(tmp_path / "passed", Facts("c", "d", "e", "1"))
    for number in range(5):
        kept.add(b"%d" % number)
        for path in (tmp_path / "passed").iterdir():
            os.utime(path, (path.stat().st_mtime - 1,) * 2)
    assert [kept.has(b"%d" % number) for number in range(5)] == [False, False, True, True, True]

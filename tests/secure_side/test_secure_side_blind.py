"""What a lying gateway claims for a submission: the blind runner opens, runs and releases only what was sealed for it.

Real job, gate and egress log; nothing here may reach the sandbox, so there is none.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support import CARD, make_notebook

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys, held_together
from participant_kit.protocol.merkle import tree_root
from participant_kit.protocol.messages import Claim, Lease
from participant_kit.protocol.receipts import Receipt, verify_with
from participant_kit.protocol.sealing import Binding, seal_notebook
from participant_kit.secure_side.blind import BlindJob
from participant_kit.secure_side.data import data_digests
from participant_kit.secure_side.egress import LOG, EgressLog, read_egress
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.gate import Released, content_of
from participant_kit.secure_side.ledger import Ledger
from participant_kit.secure_side.runner import Runner
from participant_kit.secure_side.stop import is_stopped, stop
from participant_kit.secure_side.workplace import STOPPED, Done, Facts, Order, Place

KEYS, OLD = SecretKeys.generate(Role.BLIND), SecretKeys.generate(Role.BLIND)
RING = KeyRing(runners=[OLD.public, KEYS.public])
OLDER_CARD = CARD.replace(b"A small challenge", b"An older card")


class Wire:
    """What the runner sends, and nothing comes back."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.returned: list[str] = []

    def send(self, released: Released, *_: Any) -> None:
        self.sent.append(json.loads(content_of(released)[1]))

    def renew(self, submission: str, token: Any) -> Lease:
        return lease()

    def give_back(self, submission: str, token: Any) -> None:
        self.returned.append(submission)


class House:
    """A blind runner on private tables, and the folder of its log."""

    def __init__(self, root: Path) -> None:
        self.folder, self.wire, self.said = ChallengeFolder(root / "challenge"), Wire(), list[str]()
        for name in ("train", "test", "labels"):
            path = self.folder.private_dir("development") / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
        self.folder.card_path.write_bytes(CARD)
        self.folder.requirements_path.touch()
        self.path = root / "state" / LOG
        self.log = EgressLog(self.path, held_together([OLD, KEYS], RING))
        keys = held_together([OLD, KEYS], RING)
        facts = replace(Facts.of(Place(self.folder.root, Role.BLIND)), environment="e" * 64)
        self.job = BlindJob(self.folder, keys, facts, None, self.log, self.wire, self.said.append)  # type: ignore[arg-type]
        self.ran: list[str] = []
        self.job._find = lambda binding, *_: self.ran.append(binding.submission)  # type: ignore[method-assign,assignment,return-value]

    def work(self, claim: Claim) -> Receipt | None:
        """Let the runner do ``claim``; the receipt that left."""
        before = len(self.wire.sent)
        Runner("r", "small", self.job, self.wire, self.said.append).work(claim)  # type: ignore[arg-type]
        return verify_with(self.wire.sent[-1], RING) if len(self.wire.sent) > before else None


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.log.close()


def lease() -> Lease:
    return Lease(token="t", attempt=1, expires_at=datetime.now(UTC), seconds=30)


def sealed_for(**changed: Any) -> tuple[dict[str, str], bytes]:
    """What a participant binds a notebook to, and the sealed bytes."""
    said = {"challenge": "small", "phase": "development", "participant": "ada", "submission": new_identifier()}
    said |= {key: value for key, value in changed.items() if key in said}
    card = hashlib.sha256(changed.get("card", CARD)).hexdigest()
    keys: SecretKeys = changed.get("keys", KEYS)
    binding = Binding(**said, reply_to="", card_sha256=card)
    return said, seal_notebook(make_notebook("x = 1"), binding, [keys.public.sealing])


def claim(said: dict[str, str], sealed: bytes, **lies: str) -> Claim:
    return Claim(**(said | lies), lease=lease(), sealed=sealed)  # type: ignore[arg-type]


def reason(receipt: Receipt | None) -> str | None:
    assert receipt and receipt.outcome.state == "refused" and receipt.outcome.failure and receipt.bits == 0
    return receipt.outcome.failure.reason


@pytest.mark.parametrize("keys", [KEYS, OLD], ids=["new keys", "old keys"])
def test_what_was_sealed_for_this_submission_is_run(house: House, keys: SecretKeys) -> None:
    said, sealed = sealed_for(keys=keys)
    assert house.work(claim(said, sealed)) is None
    assert house.ran == [said["submission"]]


@pytest.mark.parametrize(
    "lie",
    [{"challenge": "other"}, {"phase": "final"}, {"participant": "eve"}, {"submission": new_identifier()}],
    ids=lambda lie: next(iter(lie)),
)
def test_a_claim_that_was_altered_on_the_way_is_refused(house: House, lie: dict[str, str]) -> None:
    assert reason(house.work(claim(*sealed_for(), **lie))) == "not_for_this_runner"
    assert house.ran == []


@pytest.mark.parametrize(
    "sealed",
    [{"challenge": "other"}, {"card": OLDER_CARD}, {"keys": SecretKeys.generate(Role.BLIND)}],
    ids=["another challenge", "an older card", "another runner"],
)
def test_what_was_sealed_for_something_else_is_refused(house: House, sealed: dict[str, Any]) -> None:
    assert reason(house.work(claim(*sealed_for(**sealed)))) == "not_for_this_runner"
    assert house.ran == []


def test_a_phase_that_the_card_does_not_have_is_refused(house: House) -> None:
    assert reason(house.work(claim(*sealed_for(phase="finale")))) == "phase_unknown"


def test_an_older_card_is_named_in_the_runner_s_own_log(house: House) -> None:
    said, sealed = sealed_for(card=OLDER_CARD)
    house.work(claim(said, sealed))
    assert any(said["submission"] in line and "another card" in line for line in house.said)


def test_a_participant_who_does_not_say_which_card_is_believed_to_mean_this_one(house: House) -> None:
    said, _ = sealed_for()
    sealed = seal_notebook(make_notebook("x = 1"), Binding(**said, reply_to=""), [KEYS.public.sealing])
    house.work(claim(said, sealed))
    assert house.ran == [said["submission"]]


def test_a_sealed_notebook_that_was_changed_on_the_way_is_refused(house: House) -> None:
    said, sealed = sealed_for()
    assert reason(house.work(claim(said, sealed[:-1]))) == "not_for_this_runner"


def test_a_claim_that_is_replayed_gets_the_same_answer_and_runs_nothing(house: House) -> None:
    lie = claim(*sealed_for(), participant="eve")
    first = house.work(lie)
    lines = len(read_egress(house.path))
    assert [house.work(lie), house.work(lie)] == [first, first]
    assert house.wire.sent[0] == house.wire.sent[1] == house.wire.sent[2]
    assert len(read_egress(house.path)) == lines and house.ran == []


def test_a_replay_with_other_bytes_or_another_person_gets_the_first_answer_too(house: House) -> None:
    said, sealed = sealed_for(card=OLDER_CARD)
    first = house.work(claim(said, sealed))
    assert house.work(claim(*sealed_for(submission=said["submission"]))) == first
    assert house.work(claim(said, sealed, participant="eve")) == first
    assert house.ran == []


def test_a_receipt_says_what_was_run_on_what(house: House) -> None:
    said, sealed = sealed_for(card=OLDER_CARD)
    receipt = house.work(claim(said, sealed))
    assert receipt
    assert (receipt.card_sha256, receipt.environment_sha256) == (hashlib.sha256(CARD).hexdigest(), "e" * 64)
    assert receipt.notebook_sha256 == hashlib.sha256(make_notebook("x = 1")).hexdigest()
    assert receipt.data_root == tree_root(data_digests(house.folder))
    assert len(house.wire.sent[-1]["signatures"]) == 2, "by both keys during the overlap"


def test_a_run_that_the_holder_stops_fails_by_no_fault_of_the_participant_s(tmp_path: Path) -> None:
    house = House(tmp_path)
    said, sealed = sealed_for()

    class Slow:
        def do(self, order: Order, cancelled: threading.Event) -> Done:
            lines = read_egress(house.path)
            with pytest.raises(SecureSideError, match="does not run"):
                stop(house.path.parent, Ledger.of(lines), new_identifier())
            stop(house.path.parent, Ledger.of(lines), said["submission"])
            assert cancelled.wait(10)
            return STOPPED

    house.job._workers = Slow()  # type: ignore[assignment]
    del house.job._find
    receipt = house.work(claim(said, sealed))
    assert receipt and receipt.outcome.failure and receipt.outcome.failure.stage == "sandbox"
    assert not is_stopped(house.path.parent, said["submission"]), "what is asked again is run again"
    house.log.close()

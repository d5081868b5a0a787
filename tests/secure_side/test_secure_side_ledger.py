"""Whatever happens, what left is at most what the ledger says, and the ledger at most the budget."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support import make_card

from participant_kit.challenge.alphabet import FINAL_STATES, HELD_BACK, alphabet_of
from participant_kit.challenge.card import Card
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.receipts import Receipt, verify_receipt
from participant_kit.protocol.sealing import Binding
from participant_kit.secure_side.egress import HEAD, LOG, EgressLog, read_egress
from participant_kit.secure_side.gate import Finding, Released, ReleaseGate, content_of
from participant_kit.secure_side.leaderboard import make_mechanism
from participant_kit.secure_side.ledger import Account, Ledger
from participant_kit.secure_side.record import ChallengeRecord

BUDGETS = (80.0, 120.0, 170.0)
ROUND_OFF = 1e-6


def card(slug: str, **release: str) -> Card:
    names = ("budget_bits", "challenge_budget_bits", "data_budget_bits")
    more = "".join(
        f"{name}: {value}, " for name, value in {**dict(zip(names, BUDGETS, strict=True)), **release}.items()
    )
    return make_card(
        **{"slug: small": f"slug: {slug}", "release: {leaderboard_mechanism: rounded,": f"release: {{{more}"}
    )


CARDS = {
    "plain": card("plain", leaderboard_mechanism="rounded"),
    "climb": card("climb", leaderboard_mechanism="ladder"),
    "airlock": card("airlock", leaderboard_mechanism="thresholdout", review="true"),
}
KEYS = {slug: SecretKeys.generate(Role.BLIND) for slug in CARDS}
FACTS = {"card_sha256": "c", "data_root": "d", "environment_sha256": "e", "runner_version": "1"}
findings = st.builds(
    lambda auc, brier: Finding(scores={"roc_auc_score": auc, "brier_score_loss": brier}),
    st.floats(0, 1),
    st.floats(0, 1),
) | st.builds(Finding, stage=st.sampled_from(["notebook", "timeout", "?"]), cell=st.integers(-1, 300))


@dataclass
class Process:
    """One runner's process: all that a kill takes with it."""

    log: EgressLog
    record: ChallengeRecord
    gate: ReleaseGate
    running: set[str] = field(default_factory=set)


@dataclass
class Gateway:
    """What the world has got: the results it holds, and for each account the bits that it can have learned."""

    results: dict[str, bytes] = field(default_factory=dict)
    learned: defaultdict[Account, float] = field(default_factory=lambda: defaultdict(float))

    def take(self, binding: Binding, envelope: bytes) -> None:
        before = self.results.setdefault(binding.submission, envelope)
        assert json.loads(before) == json.loads(envelope), "one submission, two results"
        if before is envelope:
            receipt = verify_receipt(json.loads(envelope), [KEYS[binding.challenge].public.signing])
            self.learn(binding, code_length(receipt))

    def learn(self, binding: Binding, bits: float) -> None:
        for account in accounts(binding):
            self.learned[account] += bits


def accounts(binding: Binding) -> tuple[Account, Account, Account]:
    mine = Account("participant", binding.challenge, binding.phase, binding.participant)
    return mine, Account("challenge", binding.challenge), Account("dataset", dataset="survey")


def code_length(receipt: Receipt) -> float:
    """Bits of a message, from the card alone and not from what its maker says."""
    alphabet, outcome = alphabet_of(CARDS[receipt.challenge]), receipt.outcome
    if outcome.state == "refused" and outcome.failure and outcome.failure.reason not in HELD_BACK:
        return 0.0
    branch = {"scored": alphabet.scores, "failed": alphabet.failure, "refused": alphabet.refusal}[outcome.state]
    assert outcome.state in FINAL_STATES
    return alphabet.state.bits + alphabet.tick.bits + sum(each.bits for each in branch)


class World(RuleBasedStateMachine):
    """Three challenges on one data set, a runner of each, two participants, and a gateway that nobody can trust."""

    @initialize()
    def begin(self) -> None:
        self.state = Path(tempfile.mkdtemp())
        self.gateway = Gateway()
        self.submissions: list[Binding] = []
        self.alive: dict[str, Process] = {}
        for slug in CARDS:
            self.start(slug)

    def teardown(self) -> None:
        if hasattr(self, "state"):
            for process in self.alive.values():
                process.log.close()
            shutil.rmtree(self.state)

    def start(self, slug: str) -> None:
        log = EgressLog(self.state / LOG, KEYS[slug])
        record = ChallengeRecord(log, "survey")
        gate = ReleaseGate(CARDS[slug], KEYS[slug], FACTS, record, make_mechanism(CARDS[slug]))
        for binding in record.abandoned(slug):
            gate.stop(binding)
        self.alive[slug] = Process(log, record, gate)

    @rule(slug=st.sampled_from(sorted(CARDS)), participant=st.sampled_from(["ada", "bob"]))
    def submit(self, slug: str, participant: str) -> None:
        named = {"challenge": slug, "phase": "development", "participant": participant}
        self.submissions.append(Binding(**named, submission=new_identifier(), reply_to="", notebook_sha256="0" * 64))

    @precondition(lambda self: self.submissions)
    @rule(which=st.integers(0, 50))
    def lend(self, which: int) -> None:
        """The gateway lends any submission, as often as it likes, also one that is running, ended or cancelled."""
        binding = self.submissions[which % len(self.submissions)]
        process = self.alive[binding.challenge]
        if again := process.gate.again(binding):
            self.arrive(binding, again)
        elif process.record.is_waiting(binding):
            return
        elif process.gate.start(binding):
            if binding.submission in process.running:
                self.told_not_yet(binding)
            process.running.add(binding.submission)
        else:
            process.running.discard(binding.submission)
            self.arrive(binding, process.gate.refuse(binding, "budget_spent"))

    def told_not_yet(self, binding: Binding) -> None:
        self.gateway.learn(binding, alphabet_of(CARDS[binding.challenge]).tick.bits)

    def arrive(self, binding: Binding, released: Released | None, lost: bool = False) -> None:
        if released and not lost:
            submission, envelope = content_of(released)
            assert submission == binding.submission
            self.gateway.take(binding, envelope)

    def pick(self, which: int) -> tuple[Binding, Process] | None:
        running = [each for each in self.submissions if each.submission in self.alive[each.challenge].running]
        if not running:
            return None
        binding = running[which % len(running)]
        return binding, self.alive[binding.challenge]

    @rule(which=st.integers(0, 50), found=findings, seconds=st.floats(0, 1e4), lost=st.booleans())
    def finish(self, which: int, found: Finding, seconds: float, lost: bool) -> None:
        """A run ends, and its message is lost on the way or not."""
        if picked := self.pick(which):
            binding, process = picked
            process.running.discard(binding.submission)
            self.arrive(binding, process.gate.release(binding, found, seconds), lost)

    @rule(which=st.integers(0, 50))
    def cancel(self, which: int) -> None:
        """The participant cancels, or the gateway says so."""
        if picked := self.pick(which):
            binding, process = picked
            process.running.discard(binding.submission)
            process.gate.stop(binding)
            self.told_not_yet(binding)

    @rule(which=st.integers(0, 50), reason=st.none() | st.sampled_from(HELD_BACK), lost=st.booleans())
    def review(self, which: int, reason: str | None, lost: bool) -> None:
        process = self.alive["airlock"]
        waiting = [each for each in self.submissions if process.record.is_waiting(each)]
        if waiting:
            binding = waiting[which % len(waiting)]
            self.arrive(binding, process.gate.decide(binding, reason), lost)

    @rule(
        slug=st.sampled_from(sorted(CARDS)),
        moment=st.sampled_from(["idle", "torn", "before the head", "before sending"]),
        found=findings,
        which=st.integers(0, 50),
    )
    def kill(self, slug: str, moment: str, found: Finding, which: int) -> None:
        """kill -9, and a new process. Who watches learns of each run that it had not ended."""
        process = self.alive[slug]
        running = [each for each in self.submissions if each.submission in process.running]
        if running and moment in ("before the head", "before sending"):
            binding = running.pop(which % len(running))
            head = (self.state / HEAD).read_bytes()
            process.gate.release(binding, found, 1.0)
            if moment == "before the head":
                (self.state / HEAD).write_bytes(head)
        process.log.close()
        if moment == "torn":
            with (self.state / LOG).open("ab") as file:
                file.write(b'{"sequence":99,"time":"20')
        for binding in running:
            self.told_not_yet(binding)
        self.start(slug)

    @invariant()
    def what_left_is_in_the_ledger_and_the_ledger_in_the_budget(self) -> None:
        if not hasattr(self, "state"):
            return
        ledger = Ledger.of(read_egress(self.state / LOG))
        for account, balance in ledger.balances.items():
            budget = dict(zip(("participant", "challenge", "dataset"), BUDGETS, strict=True))[account.scope]
            assert self.gateway.learned[account] <= balance.charged + ROUND_OFF
            assert balance.charged <= budget + ROUND_OFF
        assert set(self.gateway.learned) <= set(ledger.balances)

    @invariant()
    def every_runner_counts_as_the_log_does(self) -> None:
        for process in getattr(self, "alive", {}).values():
            with process.log.held():
                ledger = Ledger.of(read_egress(self.state / LOG))
                assert {a: b.charged for a, b in process.log.ledger.balances.items()} == pytest.approx(
                    {a: b.charged for a, b in ledger.balances.items()}, abs=ROUND_OFF
                )


TestWorld = World.TestCase
TestWorld.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)

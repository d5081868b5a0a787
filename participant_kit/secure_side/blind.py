"""The blind role: runs on the real data, and lets out what the release gate builds."""

from __future__ import annotations

import json
import time

from participant_kit.challenge.card import RESOURCES
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.messages import Claim
from participant_kit.protocol.sealing import Binding
from participant_kit.protocol.spans import span
from participant_kit.secure_side import stop
from participant_kit.secure_side.best import BestPredictions
from participant_kit.secure_side.data import phase_folder
from participant_kit.secure_side.egress import EgressLog
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.gate import Finding, Released, ReleaseGate
from participant_kit.secure_side.leaderboard import make_mechanism
from participant_kit.secure_side.lease import HeldLease
from participant_kit.secure_side.outlet import BlindOutlet, Say
from participant_kit.secure_side.record import ChallengeRecord
from participant_kit.secure_side.review import decision_on, forget
from participant_kit.secure_side.runner import Later
from participant_kit.secure_side.turns import Turns
from participant_kit.secure_side.workers import Workers
from participant_kit.secure_side.workplace import Facts, Order


class BlindJob:
    """One challenge's blind runs: the real data, the gate and the egress log. ``stated`` is what receipts say."""

    role = Role.BLIND

    def __init__(
        self,
        folder: ChallengeFolder,
        keys: SecretKeys,
        stated: Facts,
        workers: Workers,
        log: EgressLog,
        outlet: BlindOutlet,
        say: Say,
    ) -> None:
        self.keys = keys
        self._folder, self._workers = folder, workers
        self._state, self._outlet, self._say = log.path.parent, outlet, say
        card, self._card_sha256 = folder.card, stated.card
        facts = {
            "card_sha256": stated.card,
            "data_root": stated.data,
            "environment_sha256": stated.environment,
            "runner_version": stated.version,
        }
        self._record = ChallengeRecord(log, card.data.dataset or stated.data)
        self._gate = ReleaseGate(card, keys, facts, self._record, make_mechanism(card))
        mechanism = card.release.leaderboard_mechanism
        self._turns = Turns(card, self._record, remembers=mechanism != "rounded")
        compares = mechanism == "parameter-free-ladder"
        self._best = BestPredictions(self._state / "best", self._record) if compares else None
        for binding in self._record.abandoned(card.slug):
            self._gate.stop(binding)

    def run(
        self, claim: Claim, binding: Binding, notebook: bytes | None, lease: HeldLease, started: float
    ) -> Later | None:
        """See :class:`participant_kit.secure_side.runner.Job`."""
        if before := self._gate.again(binding):
            self._say(f"{claim.submission} was released before; sending the same again")
            self._send(before, lease)
            return None
        if self._record.is_waiting(binding):
            return lambda: self._await_review(binding, lease)
        refusal = self._refusal(binding, notebook)
        if refusal is None:
            with self._record.held():
                if why := self._turns.wait_for(binding, lease):
                    self._say(f"{binding.submission} waits: {why}")
                    return lambda: self._turns.come(binding, lease)
                refusal = None if self._gate.start(binding) else "budget_spent"
        if refusal or notebook is None:
            self._send(self._gate.refuse(binding, refusal or "other"), lease)
            return None
        try:
            released = self._release(binding, notebook, lease, started)
        finally:  # it may have been released meanwhile, by another runner that had it lent anew
            if self._record.is_open(binding) and not self._record.is_waiting(binding):
                self._gate.stop(binding)
        if released:
            self._send(released, lease)
        return (lambda: self._await_review(binding, lease)) if self._record.is_waiting(binding) else None

    def _release(self, binding: Binding, notebook: bytes, lease: HeldLease, started: float) -> Released | None:
        """Run and score, and at the next tick let out what may leave; None when it was stopped, or waits."""
        result = self._find(binding, notebook, lease)
        if result is None or lease.ended.wait(self._until_tick(started)):
            self._say(f"{binding.submission} {'cancelled by the participant' if lease.cancelled else 'stopped'}")
            return None
        released = self._gate.release(binding, result, time.monotonic() - started)
        if released is None:
            self._say(f"{binding.submission} waits for the holder: pkit holder review --state {self._state}")
        return released

    def _refusal(self, binding: Binding, notebook: bytes | None) -> str | None:
        if notebook is None:
            return "not_for_this_runner"
        card = self._folder.card
        if binding.card_sha256 not in ("", self._card_sha256):
            self._say(f"{binding.submission} was sealed for another card: publish the kit again if yours is newer")
            return "not_for_this_runner"
        if card.phase(binding.phase) is None:
            return "phase_unknown"
        try:
            cells = len(json.loads(notebook)["cells"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return "unreadable_notebook"
        if cells > card.submission.max_cells:
            return "too_many_cells"
        phase_folder(self._folder, binding.phase)  # what the holder must mend first costs nobody bits
        if self._best:
            self._best.of(binding)
        return None

    def _find(self, binding: Binding, notebook: bytes, lease: HeldLease) -> Finding | None:
        """Run and score; None when the lease ended first."""
        try:
            best = self._best.of(binding) if self._best else None
            order = Order(notebook, binding.phase, best, keep=self._best is not None)
            with stop.ends(self._state, binding.submission, lease.ended) as ended:
                result = self._workers.do(order, ended)
            done, scores = result.execution, result.verdict
            if done.cancelled:
                return None if lease.ended.is_set() else self._stopped(binding)
            if result.fault:
                self._say(f"{binding.submission}: {result.fault}")
                return Finding(stage="sandbox")
            self._say(f"{binding.submission} executed in {done.seconds:.2f} s")
            if why := scores.get("why"):
                self._say(f"{binding.submission}: {why}")
            if done.output is None:
                return Finding(stage=done.stage, cell=done.cell, reason=done.reason)
            if self._best:
                self._best.keep(binding, done.output)
        except SecureSideError:
            raise
        except Exception as error:  # of whatever kind: a run always ends at its tick
            self._say(f"{binding.submission}: {type(error).__name__}")
            return Finding(stage="sandbox")
        if lease.ended.is_set():
            return None
        if "reason" in scores:
            return Finding(stage=scores.get("stage", "output"), reason=scores["reason"])
        if not isinstance(found := scores.get("scores"), dict):
            return Finding(stage="scoring")
        resources = dict(zip(RESOURCES, (done.seconds, (done.peak_memory or 0) / 2**20), strict=True))
        aside = {
            "chance": scores.get("chance"),
            "against": best.name if best else None,
            "submission": binding.submission,
        }
        return Finding(scores=found | resources, aside=aside)

    def _stopped(self, binding: Binding) -> Finding:
        """It ends as what the participant could not help, and costs them no quota."""
        self._say(f"{binding.submission} stopped by the holder")
        return Finding(stage="sandbox")

    def _until_tick(self, started: float) -> float:
        elapsed = time.monotonic() - started
        return -elapsed % self._gate.tick_seconds

    def _await_review(self, binding: Binding, lease: HeldLease) -> bool:
        """Keep the lease until the holder has decided. A restart finds the message waiting, and comes here again."""
        while (decision := decision_on(self._state, binding.submission)) is None:
            if lease.ended.wait(0.5):
                if lease.cancelled:
                    self._gate.stop(binding)
                return False
        released = self._gate.decide(binding, decision.reason)
        if released:
            self._send(released, lease)
        forget(self._state, binding.submission)
        return False

    def _send(self, released: Released, lease: HeldLease) -> None:
        with span("release"):
            self._outlet.send(released, lease.token, lease.ended, self._say)

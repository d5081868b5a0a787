"""The blind role: runs on the real data, and lets out what the release gate builds."""

from __future__ import annotations

import json
import time
from typing import Any

from participant_kit import __version__
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import Environment
from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.notebook import run_notebook
from participant_kit.execution.sandbox.base import Sandbox
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.messages import BlindResult, Claim
from participant_kit.protocol.receipts import verify_receipt
from participant_kit.protocol.sealing import Binding
from participant_kit.secure_side.data import data_digest, file_digest, phase_tables
from participant_kit.secure_side.egress import EgressLog, LoggedField
from participant_kit.secure_side.gate import Finding, Fingerprints, Released, ReleaseGate
from participant_kit.secure_side.lease import HeldLease
from participant_kit.secure_side.runner import Say, deliver
from participant_kit.secure_side.scoring import Scorer

RESULT, STOPPED = "result", "stopped"


class BlindJob:
    """One challenge's blind runs: the real data, the gate and the egress log."""

    role = Role.BLIND

    def __init__(
        self,
        folder: ChallengeFolder,
        keys: SecretKeys,
        environment: Environment,
        sandbox: Sandbox,
        log: EgressLog,
        connection: Connection,
        say: Say,
    ) -> None:
        self.keys = keys
        self._folder, self._environment, self._sandbox = folder, environment, sandbox
        self._log, self._connection, self._say = log, connection, say
        self._scorer = Scorer(folder, environment.prefix, sandbox)
        fingerprints = Fingerprints(file_digest(folder.card_path), data_digest(folder), environment.digest)
        self._gate = ReleaseGate(
            folder.card,
            keys,
            fingerprints,
            __version__,
            append=self._append,
            spent=lambda binding: log.spent_bits(binding.challenge, binding.phase, binding.participant),
            best=self._last_scores,
        )

    def run(self, claim: Claim, binding: Binding, notebook: bytes | None, lease: HeldLease, started: float) -> None:
        """See :class:`participant_kit.secure_side.runner.Job`."""
        if before := self._log.of_submission(claim.submission, RESULT):
            self._say(f"{claim.submission} was released before; sending the same again")
            return self._deliver(Released(claim.submission, before.message), lease)
        refusal = self._refusal(binding, notebook)
        if refusal or notebook is None:
            found = Finding(stage="sandbox", reason=refusal, refused=True)
            return self._deliver(self._gate.release(binding, found, 0), lease)
        result = self._find(binding, notebook, lease)
        if result is None or lease.ended.wait(self._until_tick(started)):
            return self._record_stop(binding, lease)
        return self._deliver(self._gate.release(binding, result, time.monotonic() - started), lease)

    def _refusal(self, binding: Binding, notebook: bytes | None) -> str | None:
        if notebook is None:
            return "not_for_this_runner"
        card = self._folder.card
        if card.phase(binding.phase) is None:
            return "phase_unknown"
        if not self._gate.affords(binding):
            return "budget_spent"
        try:
            cells = len(json.loads(notebook)["cells"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return "unreadable_notebook"
        return "too_many_cells" if cells > card.submission.max_cells else None

    def _find(self, binding: Binding, notebook: bytes, lease: HeldLease) -> Finding | None:
        """Run and score; None when the lease ended first."""
        tables = phase_tables(self._folder, binding.phase)
        try:
            done = run_notebook(
                notebook, tables, self._folder.card, self._environment, self._sandbox, cancelled=lease.ended
            )
            if done.cancelled:
                return None
            self._say(f"{binding.submission} executed in {done.seconds:.2f} s")
            if done.output is None:
                return Finding(stage=done.stage, cell=done.cell, reason=done.reason)
            scores = self._scorer.score(done.output, tables, lease.ended)
        except ExecutionError as error:
            self._say(f"{binding.submission}: {error}")
            return Finding(stage="sandbox")
        if lease.ended.is_set():
            return None
        if "reason" in scores:
            return Finding(stage=scores.get("stage", "output"), reason=scores["reason"])
        found = scores.get("scores")
        return Finding(scores=found) if isinstance(found, dict) else Finding(stage="scoring")

    def _until_tick(self, started: float) -> float:
        elapsed = time.monotonic() - started
        return -elapsed % self._gate.tick_seconds

    def _record_stop(self, binding: Binding, lease: HeldLease) -> None:
        """A cancelled run tells that it was not done yet: at most what its tick would have told."""
        if lease.cancelled:
            tick = self._gate.tick_field
            self._write(STOPPED, binding, [(tick.name, "not yet", tick.bits)], {})
            self._say(f"{binding.submission} cancelled by the participant")

    def _append(self, binding: Binding, fields: list[tuple[str, Any, float]], envelope: dict[str, Any]) -> None:
        self._write(RESULT, binding, fields, envelope)

    def _write(
        self, kind: str, binding: Binding, fields: list[tuple[str, Any, float]], message: dict[str, Any]
    ) -> None:
        self._log.append(
            kind=kind,
            challenge=binding.challenge,
            phase=binding.phase,
            participant=binding.participant,
            submission=binding.submission,
            fields=[LoggedField(name=name, value=value, bits=bits) for name, value, bits in fields],
            message=message,
        )

    def _last_scores(self, binding: Binding) -> dict[str, float] | None:
        for line in reversed(self._log.lines):
            same = (line.challenge, line.phase, line.participant) == (
                binding.challenge,
                binding.phase,
                binding.participant,
            )
            if same and line.kind == RESULT:
                outcome = verify_receipt(line.message, [self.keys.public.signing]).outcome
                if outcome.scores:
                    return dict(outcome.scores)
        return None

    def _deliver(self, released: Released, lease: HeldLease) -> None:
        body = BlindResult(token=lease.token.token, envelope=released.envelope)
        deliver(self._connection, f"/leases/{released.submission}/result", body, lease, self._say)

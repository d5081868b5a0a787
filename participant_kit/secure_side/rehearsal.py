"""The rehearsal role: runs on the sample, and sends the whole log back, sealed to the participant.

The log can hold only what the participant already has, as long as this machine has never held real data. So the
role takes a folder without a private part, has keys of its own, and refuses to start beside real data.
"""

from __future__ import annotations

import hashlib

from participant_kit.challenge.folder import PRIVATE, ChallengeFolder
from participant_kit.execution.errors import ExecutionError
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.messages import Claim, RehearsalReport, RehearsalResult
from participant_kit.protocol.sealing import Binding, encrypt
from participant_kit.protocol.spans import span
from participant_kit.secure_side.egress import EgressLog, LoggedField
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.lease import HeldLease
from participant_kit.secure_side.outlet import RehearsalOutlet, Say
from participant_kit.secure_side.passes import Passes
from participant_kit.secure_side.workers import Workers
from participant_kit.secure_side.workplace import Facts, Order

REHEARSAL = "rehearsal"


class RehearsalJob:
    """One challenge's rehearsals. ``folder`` is the unpacked starter kit."""

    role = Role.REHEARSAL

    def __init__(
        self,
        folder: ChallengeFolder,
        keys: SecretKeys,
        stated: Facts,
        workers: Workers,
        log: EgressLog,
        outlet: RehearsalOutlet,
        say: Say,
    ) -> None:
        if (folder.root / PRIVATE).exists():
            raise SecureSideError(
                f"{folder.root} holds real data, and a rehearsal's whole log leaves.",
                hint="Give the rehearsal role the unpacked starter kit, on a machine that never held real data.",
            )
        self.keys = keys
        self._workers, self._log, self._outlet, self._say = workers, log, outlet, say
        self._passes = Passes(log.path.parent / "passed", stated)

    def run(self, claim: Claim, binding: Binding, notebook: bytes | None, lease: HeldLease, started: float) -> None:
        """See :class:`participant_kit.secure_side.runner.Job`."""
        before = notebook is not None and self._passes.has(notebook)
        if before:
            self._say(f"{claim.submission} is a notebook that has passed before")
        with span("rehearse"):
            report = None if before else self._rehearse(notebook, lease) if notebook is not None else _NOT_OURS
        if lease.ended.is_set():
            return
        if report is None and notebook is not None:
            self._passes.add(notebook)
        sealed = None
        if report and binding.reply_to:
            sealed = encrypt(report.model_dump_json().encode(), [binding.reply_to])
        self._record(binding, report is None, sealed)
        self._say(f"{claim.submission} {'passed' if report is None else 'failed'} its rehearsal")
        body = RehearsalResult(token=lease.token.token, passed=report is None, report=sealed)
        self._outlet.report(claim.submission, body, lease.ended, self._say)

    def _rehearse(self, notebook: bytes, lease: HeldLease) -> RehearsalReport | None:
        """What is wrong with ``notebook`` on the sample, or None."""
        result = self._workers.do(Order(notebook), lease.ended)
        if result.fault:
            raise ExecutionError(result.fault)
        done, verdict = result.execution, result.verdict
        if done.output is None:
            return RehearsalReport(
                stage=done.stage or "notebook", cell=done.cell, reason=done.reason, message=done.message, log=done.log
            )
        if "reason" not in verdict:
            return None
        message = str(verdict.get("message", ""))
        return RehearsalReport(stage="output", reason=str(verdict["reason"]), message=message, log=done.log)

    def _record(self, binding: Binding, passed: bool, sealed: bytes | None) -> None:
        fields = [LoggedField(name="passed", value=passed, bits=0.0)]
        if sealed:
            fields.append(LoggedField(name="report_bytes", value=len(sealed), bits=0.0))
        self._log.append(
            kind=REHEARSAL,
            challenge=binding.challenge,
            phase=binding.phase,
            participant=binding.participant,
            submission=binding.submission,
            fields=fields,
            message={"report_sha256": hashlib.sha256(sealed).hexdigest()} if sealed else {},
        )


_NOT_OURS = RehearsalReport(
    stage="sandbox",
    reason="not_for_this_runner",
    message="The notebook was not sealed to this runner for this submission.",
)

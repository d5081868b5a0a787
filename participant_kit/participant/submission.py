"""A submission as its participant holds it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.credentials import identity
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.kit import find_kit
from participant_kit.participant.records import Record, find_record, keep_receipt, kept_receipt
from participant_kit.participant.trust import known, trusted_ring
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.errors import GatewayError, ProtocolError, printable
from participant_kit.protocol.keys import KeyRing
from participant_kit.protocol.messages import Account, RehearsalReport, SubmissionStatus
from participant_kit.protocol.receipts import Failure, Receipt, verify_with
from participant_kit.protocol.sealing import decrypt
from participant_kit.protocol.states import State

if TYPE_CHECKING:
    import pandas as pd

    from participant_kit.participant.submissions import Submissions

POLL = 25.0
"""Seconds that the gateway is asked to wait for a change."""
PATIENCE = 300.0
"""Seconds for which :meth:`Submission.wait` sits out a gateway that cannot be reached."""


class Submission:
    """One submission. What it shows of a score was verified against the keys of the kit."""

    def __init__(self, connection: Connection, status: SubmissionStatus) -> None:
        self._connection = connection
        self._status = status
        self._receipt: Receipt | None = None

    def __repr__(self) -> str:
        return f"<Submission {self.id} {self.state.value}>"

    def _repr_html_(self) -> str:
        from participant_kit.participant.html import submission_html

        return submission_html(self)

    def widget(self) -> Any:
        """It as an ipywidget that follows it until it has ended, without holding up the kernel."""
        from participant_kit.participant.widgets import submission_widget

        return submission_widget(self)

    def to_frame(self) -> pd.DataFrame:
        """One row, with its verified scores or its failure."""
        from participant_kit.participant.shown import frame

        return frame([self])

    @property
    def id(self) -> str:
        """Its identifier."""
        return self._status.id

    @property
    def state(self) -> State:
        """Where it is, as the gateway said last."""
        return self._status.state

    @property
    def status(self) -> SubmissionStatus:
        """All that the gateway said last. Its scores are not verified; :attr:`scores` are."""
        return self._status

    @property
    def scores(self) -> dict[str, float] | None:
        """The scores by metric, from the verified receipt; None when there are none (yet).

        Raises :class:`ParticipantError` or :class:`~participant_kit.protocol.errors.ProtocolError` when what
        the gateway shows is not what the secure side has signed.
        """
        if self.state is State.SCORED or self._status.scores is not None or self.has_receipt:
            return self.receipt().outcome.scores
        return None

    @property
    def failure(self) -> Failure | None:
        """Where it ended without a score; verified like :attr:`scores` when the secure side has signed it."""
        return self.receipt().outcome.failure if self.has_receipt else self._status.failure

    @property
    def has_receipt(self) -> bool:
        """Whether there is a receipt: at the gateway, or kept here from when there was one."""
        return self._status.has_receipt or kept_receipt(self.id) is not None

    def others(self) -> Submissions:
        """All of your submissions to the same challenge, as the gateway lists them."""
        from participant_kit.participant.submissions import list_submissions

        return list_submissions(self._connection, self._status.challenge)

    def refresh(self) -> Submission:
        """Ask the gateway again."""
        return self._take(self._connection.get(f"/submissions/{self.id}", SubmissionStatus))

    def wait(
        self, timeout: float | None = None, progress: Callable[[SubmissionStatus], None] | None = None
    ) -> Submission:
        """Wait until it has ended, for at most ``timeout`` seconds. ``progress`` is told each change.

        Raises :class:`ParticipantError` when the time is over, :class:`GatewayError` when the gateway stays out
        of reach; the submission goes on in both cases.
        """
        started = reached = time.monotonic()
        told = None
        while True:
            if progress and told != self._status.version:
                progress(self._status)
            told = self._status.version
            if self.state.is_final:
                return self
            asked = time.monotonic()
            left = POLL if timeout is None else min(POLL, started + timeout - asked)
            if left <= 0:
                raise ParticipantError(
                    f"After {timeout:g} seconds the submission {self.id} has not ended; it is {self.state.value}.",
                    hint=f"It goes on. See it with: pkit watch {self.id}",
                    code="timeout",
                )
            try:
                self._take(self._next(left))
                reached = time.monotonic()
            except GatewayError as error:
                if not error.may_pass or time.monotonic() - reached > PATIENCE:
                    raise
            if told == self._status.version:  # a gateway that is away, or does not wait, is not to be hammered
                time.sleep(max(0.0, min(left, asked + 1 - time.monotonic())))

    def cancel(self) -> Submission:
        """Take it back. What has started on the real data may end before it is stopped."""
        return self._take(self._connection.post(f"/submissions/{self.id}/cancel", SubmissionStatus))

    def put_on_leaderboard(self) -> Submission:
        """Raise :class:`ParticipantError`: a gateway ranks by itself, and only Codabench may leave that to people."""
        raise ParticipantError(
            "This gateway ranks every scored submission by itself.", hint="Leave --add out.", code="ranked"
        )

    def log(self) -> RehearsalReport:
        """The whole log of the failed rehearsal, which was sealed to this machine."""
        if not self._status.has_log:
            raise ParticipantError(
                f"The submission {self.id} has no log.",
                hint="Only a rehearsal that failed has one. Run: pkit rehearse NOTEBOOK",
                code="no_log",
            )
        sealed = self._connection.download(f"/submissions/{self.id}/log", limit=64 << 20)
        secret, _ = identity(self._connection.gateway)
        report = RehearsalReport.model_validate_json(decrypt(sealed, secret))
        return report.model_copy(update={"log": printable(report.log, 4 << 20), "message": printable(report.message)})

    def receipt(self) -> Receipt:
        """The receipt, verified: signed by a runner of the kit, for this submission, notebook and person."""
        if self._receipt is None:
            kept = kept_receipt(self.id)
            envelope = kept or self.envelope()
            record = find_record(self.id)
            receipt = verify_with(envelope, *self._trusted(record))
            check_receipt(receipt, self._status, record, self._participant(record))
            if kept is None:
                keep_receipt(self.id, envelope)
            self._receipt = receipt
        return self._receipt

    def envelope(self) -> dict[str, Any]:
        """The receipt as it was signed (DSSE), not verified: to be kept, or given to somebody else."""
        if not self._status.has_receipt:
            shown = "shows a score" if self._status.scores is not None else f"is {self.state.value}"
            raise ParticipantError(
                f"The submission {self.id} {shown}, and has no receipt.",
                hint="Do not trust a score without one." if self._status.scores else "Only what ran blind has one.",
                code="no_receipt",
            )
        return self._connection.get(f"/submissions/{self.id}/receipt", dict[str, Any])

    def _trusted(self, record: Record | None) -> tuple[KeyRing, list[str]]:
        """Keys of the kit of now, and those of when the notebook was sent: they may have been renewed."""
        gateway, challenge = self._connection.gateway, self._status.challenge
        if record is None:
            return trusted_ring(find_kit(Path.cwd(), challenge, gateway), gateway, challenge), []
        with contextlib.suppress(ProtocolError):  # the folder may be gone by now
            return trusted_ring(ChallengeFolder(record.kit), gateway, challenge), record.signing_keys
        before = known(gateway, challenge)
        return before.ring if before else KeyRing(), record.signing_keys

    def _participant(self, record: Record | None) -> str:
        return record.participant if record else self._connection.get("/me", Account).name

    def _next(self, seconds: float) -> SubmissionStatus:
        """What it is once it has changed, or after ``seconds``."""
        path = f"/submissions/{self.id}"
        return self._connection.get(path, SubmissionStatus, version=self._status.version, wait=seconds)

    def _take(self, status: SubmissionStatus) -> Submission:
        if (status.id, status.challenge) != (self.id, self._status.challenge):
            raise ParticipantError(
                "The gateway answers with another submission.",
                hint="Tell whoever runs the gateway.",
                code="gateway_answer",
            )
        before, now = self._status, status
        if now.version < before.version or (before.state.is_final and now.state != before.state):
            raise ParticipantError(
                f"The gateway goes back: {self.id} was {before.state.value}, and is {now.state.value} again.",
                hint="Tell whoever runs the gateway. What the secure side has signed stays as it was.",
                code="gateway_answer",
            )
        self._status = status
        return self


def check_receipt(receipt: Receipt, status: SubmissionStatus, record: Record | None, participant: str) -> None:
    """Raise :class:`ParticipantError` unless ``receipt`` belongs to ``status`` and says the same.

    A signature alone is not enough: a gateway could show the receipt of another submission.
    """
    expected = {
        "challenge": status.challenge,
        "phase": record.phase if record else status.phase,
        "participant": participant,
        "submission": status.id,
    }
    if record and receipt.outcome.state != "refused":  # a notebook that could not be opened has no known digest
        expected["notebook_sha256"] = record.notebook_sha256
        if record.card_sha256:
            expected["card_sha256"] = record.card_sha256
    wrong = [key for key, value in expected.items() if getattr(receipt, key) != value]
    if status.state.value != receipt.outcome.state:
        wrong.append("state")
    if status.scores != receipt.outcome.scores:
        wrong.append("scores")
    if status.failure != receipt.outcome.failure:
        wrong.append("failure")
    if wrong:
        raise ParticipantError(
            f"What the gateway shows differs from what the secure side has signed: {', '.join(wrong)}.",
            hint="Do not trust it. Tell the organizer, and give them the submission's identifier.",
            code="receipt_differs",
        )

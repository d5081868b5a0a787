"""A submission on a Codabench server as its participant holds it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from participant_kit.participant.codabench import messages
from participant_kit.participant.codabench.connection import CodabenchConnection, storage_of
from participant_kit.participant.codabench.records import Record, find_record
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.submission import Submission
from participant_kit.protocol.errors import printable
from participant_kit.protocol.messages import RehearsalReport, SubmissionStatus
from participant_kit.protocol.receipts import Receipt
from participant_kit.protocol.states import State

STATES = {
    "None": State.QUEUED,
    "Submitting": State.QUEUED,
    "Submitted": State.QUEUED,
    "Preparing": State.RUNNING,
    "Running": State.RUNNING,
    "Scoring": State.SCORING,
    "Finished": State.SCORED,
    "Failed": State.FAILED,
    "Cancelled": State.CANCELLED,
}
"""Codabench's words and ours; one that is new is ``running``."""
GRACE = timedelta(minutes=1)
"""For how long scores may come after ``Finished``: a worker says that first. Without any, it is ``failed`` then."""
EVERY = 3.0
"""Seconds between two looks at a submission: the server does not wait until something changes."""
MAX_LOG = 1 << 20
"""Bytes of one log that are fetched."""


class CodabenchStatus(SubmissionStatus):
    """``said`` is the server's own word for the state, ``details`` what it adds to that.

    ``version`` and ``updated_at`` are of when a change was seen from here: the server tells neither.
    """

    said: str
    details: str = ""
    on_leaderboard: bool = False


def status_of(
    found: messages.Submission,
    competition: int,
    children: Iterable[messages.Submission] = (),
    before: CodabenchStatus | None = None,
) -> CodabenchStatus:
    """What the server says of a submission in our words; ``children`` are its runs, one for each task."""
    runs = [child for child in children if child.parent == found.id]
    scores = scores_of(found, runs)
    state, now = STATES.get(found.status, State.RUNNING), datetime.now(UTC)
    seen = before.updated_at if before else found.created_when
    if state is State.SCORED and any(one.status == found.status and not one.scores for one in runs or [found]):
        seen = seen if before and before.said == found.status else now
        # Of one that is a day old the scores are not on their way, whenever it was seen first.
        if now - seen < GRACE and now - found.created_when < timedelta(days=1):
            state = State.SCORING
    if state is State.SCORED and not scores:
        state = State.FAILED
    # While it runs, they name the worker's host.
    details = next((one.status_details for one in (found, *runs) if one.status == "Failed" and one.status_details), "")
    status = CodabenchStatus(
        id=str(found.id),
        challenge=str(competition),
        phase=found.phase_name,
        participant=found.owner,
        state=state,
        version=before.version if before else int(now.timestamp() * 1000),
        attempt=1,
        counted=state is not State.FAILED,
        created_at=found.created_when,
        updated_at=seen,
        scores=scores if state is State.SCORED else None,
        said=found.status,
        details=printable(details or "", 500),
        on_leaderboard=found.on_leaderboard or any(run.on_leaderboard for run in runs),
    )
    if before and status != before:
        status = status.model_copy(update={"version": int(now.timestamp() * 1000), "updated_at": now})
    return status


def scores_of(found: messages.Submission, runs: list[messages.Submission]) -> dict[str, float]:
    """Scores by column; by task and column where there are several tasks."""
    if not runs:
        return {score.column_key: float(score.score) for score in found.scores}
    return {score_name(score.column_key, run.task): float(score.score) for run in runs for score in run.scores}


def score_name(column: str, task: messages.Task | messages.RankedTask | None) -> str:
    """What a score is called where several tasks have the same columns."""
    return f"{task.name or f'task {task.id}'}: {column}" if task else column


class CodabenchSubmission(Submission):
    """One submission. Nobody has signed what it shows: it is the server's word."""

    _connection: CodabenchConnection
    _status: CodabenchStatus

    @property
    def status(self) -> CodabenchStatus:
        """All that the server said last."""
        return self._status

    @property
    def record(self) -> Record | None:
        """What this machine knows, if it was submitted from here."""
        return find_record(self._connection.gateway, int(self.id))

    @property
    def scores(self) -> dict[str, float] | None:
        """The scores by column, as the server has them; None when there are none (yet)."""
        return self._status.scores

    @property
    def failure(self) -> None:
        """Nothing: Codabench has no closed list of reasons. :attr:`status` has its ``details``."""
        return

    @property
    def has_receipt(self) -> bool:
        """Never."""
        return False

    def refresh(self) -> CodabenchSubmission:
        """Ask the server again."""
        self._take(self._ask())
        return self

    def cancel(self) -> CodabenchSubmission:
        """Take it back; one that has started may end before it is stopped."""
        answer = self._connection.get(f"/submissions/{self.id}/cancel_submission/", messages.Cancelled)
        self.refresh()
        if not answer.canceled and self.state is not State.CANCELLED:
            raise ParticipantError(
                f"The submission {self.id} has ended already: Codabench calls it {self._status.said}.",
                hint=f"See it with: pkit status {self.id}",
                code="ended",
            )
        return self

    def log(self) -> RehearsalReport:
        """What its programs printed, as far as the organizer shows it."""
        details = self._connection.get(f"/submissions/{self.id}/get_details/", messages.Details)
        texts = []
        for file in details.logs:
            storage, path = storage_of(file.data_file)
            if text := storage.download(path, limit=MAX_LOG).decode("utf-8", "replace").strip():
                texts.append(f"--- {file.name}\n{printable(text, MAX_LOG)}")
        if not texts:
            raise ParticipantError(
                f"The submission {self.id} has no log.", hint="The organizer may hide it.", code="no_log"
            )
        return RehearsalReport(stage="", log="\n".join(texts))

    def put_on_leaderboard(self) -> CodabenchSubmission:
        """Show it on the leaderboard, where participants choose which of theirs stands there."""
        self._connection.post(f"/submissions/{self.id}/submission_leaderboard_connection/", dict[str, Any])
        return self.refresh()

    def receipt(self) -> Receipt:
        """Raise: there is none."""
        self._unsigned()

    def envelope(self) -> dict[str, Any]:
        """Raise: there is none."""
        self._unsigned()

    def _unsigned(self) -> NoReturn:
        raise ParticipantError(
            "A Codabench server signs no scores: there is no receipt.",
            hint="Its word is all there is.",
            code="no_receipt",
        )

    def _ask(self) -> CodabenchStatus:
        found = self._connection.get(f"/submissions/{self.id}/", messages.Submission)
        children: list[messages.Submission] = []
        if found.has_children:
            path = "/submissions/"
            children = self._connection.get(path, list[messages.Submission], phase=found.phase)
        return status_of(found, int(self._status.challenge), children, self._status)

    def _next(self, seconds: float) -> CodabenchStatus:
        time.sleep(min(EVERY, seconds))
        return self._ask()

    def _take(self, status: SubmissionStatus) -> CodabenchSubmission:
        assert isinstance(status, CodabenchStatus)  # noqa: S101 - from our own _ask
        self._status = status
        return self

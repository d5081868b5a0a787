"""A submission as it is shown, in a table, a page or a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from participant_kit.challenge.card import Metric
from participant_kit.challenge.errors import KitError
from participant_kit.participant.records import Record, find_record
from participant_kit.participant.submission import Submission
from participant_kit.protocol.messages import SubmissionStatus
from participant_kit.protocol.receipts import Failure

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Shown:
    """``scores`` and ``failure`` are verified, unless ``problem`` says why not: then they are the gateway's word.

    ``record`` is what this machine knows, if it was submitted from here.
    """

    status: SubmissionStatus
    record: Record | None
    scores: dict[str, float]
    failure: Failure | None
    problem: str = ""

    @property
    def name(self) -> str:
        """The participant's own name for it."""
        return self.record.name if self.record else ""

    @property
    def note(self) -> str:
        """The participant's own note."""
        return self.record.note if self.record else ""

    @property
    def elapsed(self) -> timedelta:
        """How long it took, or has taken so far: by this machine's clock if it was submitted from here."""
        if self.status.state.is_final:
            return self.status.updated_at - self.status.created_at
        since = self.record.created_at if self.record else self.status.created_at
        return max(timedelta(0), datetime.now(UTC) - since)


def look(submission: Submission) -> Shown:
    """What to show of ``submission``. Never raises for a score that cannot be verified: it is marked."""
    status, record = submission.status, find_record(submission.id)
    try:
        return Shown(status, record, submission.scores or {}, submission.failure)
    except KitError as error:
        return Shown(status, record, status.scores or {}, status.failure, str(error))


def best(metric: Metric, shown: Iterable[Shown]) -> float | None:
    """The best verified score of ``shown``; None without any."""
    scores = [own.scores[metric.name] for own in shown if metric.name in own.scores and not own.problem]
    return (max if metric.higher_is_better else min)(scores, default=None)


def frame(submissions: Iterable[Submission]) -> pd.DataFrame:
    """One row for each of ``submissions``, one column for each metric. ``verified`` is missing without a result."""
    import pandas as pd

    rows = [_row(look(submission)) for submission in submissions]
    return pd.DataFrame(rows, columns=None if rows else _COLUMNS)


_COLUMNS = (
    *("submission", "name", "note", "challenge", "phase", "state", "submitted"),
    *("verified", "stage", "cell", "reason"),
)


def _row(shown: Shown) -> dict[str, Any]:
    status, failure = shown.status, shown.failure
    verified = status.has_receipt and not shown.problem
    values = (
        *(status.id, shown.name, shown.note, status.challenge, status.phase, status.state.value, status.created_at),
        *(verified if shown.scores or failure else None, failure and failure.stage),
        *(failure and failure.cell, failure and failure.reason),
    )
    return dict(zip(_COLUMNS, values, strict=True)) | shown.scores

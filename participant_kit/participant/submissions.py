"""A participant's submissions, as a sequence that shows itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, overload

from participant_kit.challenge.card import Metric
from participant_kit.challenge.errors import KitError
from participant_kit.participant.shown import frame
from participant_kit.participant.submission import Submission
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.messages import ChallengeInfo, SubmissionStatus

if TYPE_CHECKING:
    import pandas as pd


def list_submissions(connection: Connection, challenge: str | None = None) -> Submissions:
    """Your own submissions (to ``challenge``). Raises :class:`~participant_kit.protocol.errors.GatewayError`."""
    return Submissions(connection, connection.get("/submissions", list[SubmissionStatus], challenge=challenge))


class Submissions(Sequence[Submission]):
    """Submissions, in the gateway's order. ``repr`` is a table of plain text; a notebook shows a table and plots."""

    def __init__(self, connection: Connection, statuses: Iterable[SubmissionStatus]) -> None:
        self._connection = connection
        self._items = [Submission(connection, status) for status in statuses]

    @overload
    def __getitem__(self, index: int) -> Submission: ...
    @overload
    def __getitem__(self, index: slice) -> list[Submission]: ...
    def __getitem__(self, index: int | slice) -> Submission | list[Submission]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        from participant_kit.participant.terminal import plain, submissions_table

        return plain(submissions_table(self)) if self else "No submissions yet."

    def _repr_html_(self) -> str:
        from participant_kit.participant.html import submissions_html

        return submissions_html(self)

    def to_frame(self) -> pd.DataFrame:
        """One row for each, with its verified scores and its failure."""
        return frame(self)

    def metric(self, challenge: str) -> Metric | None:
        """The primary metric of ``challenge``; None when the gateway does not say."""
        with suppress(KitError):
            return self._connection.get(f"/challenges/{challenge}", ChallengeInfo).card.primary
        return None

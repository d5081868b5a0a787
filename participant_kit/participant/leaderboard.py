"""The leaderboard of a phase, which shows itself with the participant's own row marked."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from participant_kit.challenge.errors import KitError
from participant_kit.protocol import messages

if TYPE_CHECKING:
    import pandas as pd

    from participant_kit.participant.client import Client
    from participant_kit.participant.codabench.client import CodabenchClient


class Leaderboard(messages.Leaderboard):
    """The message, and how it is shown: ``repr`` is a table of plain text, a notebook shows a table."""

    _client: Any = PrivateAttr(default=None)
    _page: dict[str, int | None] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(
        cls, board: messages.Leaderboard, client: Client | CodabenchClient, page: dict[str, int | None]
    ) -> Leaderboard:
        """``board`` as ``client`` got it, when it asked for ``page``."""
        new = cls(**vars(board))
        new._client, new._page = client, page
        return new

    @cached_property
    def own(self) -> str | None:
        """The name of the participant who looks; None without a token that is valid, for anyone may look."""
        with suppress(KitError):
            return str(self._client.me().name)
        return None

    @property
    def metrics(self) -> list[str]:
        """The metrics that rows have, the primary one first."""
        return [self.primary, *sorted({name for row in self.rows for name in row.scores} - {self.primary})]

    @property
    def people(self) -> str:
        """How many participants there are, and how many of them are shown when that is not all."""
        total = "1 participant" if self.participants == 1 else f"{self.participants} participants"
        return total if self.hidden or len(self.rows) == self.participants else f"{len(self.rows)} of {total}"

    def refresh(self) -> Leaderboard:
        """The board as it is now. Raises :class:`~participant_kit.protocol.errors.GatewayError`."""
        new: Leaderboard = self._client.leaderboard(self.challenge, self.phase, **self._page)
        return new

    def to_frame(self) -> pd.DataFrame:
        """One row for each participant, one column for each metric; ``own`` marks who looks."""
        import pandas as pd

        columns = ["rank", "participant", *self.metrics, "submissions", "submitted", "own"]
        rows = [
            {"rank": row.rank, "participant": row.participant, **row.scores}
            | {"submissions": row.submissions, "submitted": row.submitted_at, "own": row.participant == self.own}
            for row in self.rows
        ]
        return pd.DataFrame(rows, columns=columns)

    def widget(self) -> Any:
        """The board as an ipywidget, with a button that fetches it again."""
        from participant_kit.participant.widgets import leaderboard_widget

        return leaderboard_widget(self)

    def __repr__(self) -> str:
        from participant_kit.participant.terminal import leaderboard_table, plain

        return plain(leaderboard_table(self))

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from participant_kit.participant.html import leaderboard_html

        return leaderboard_html(self)

"""Live views as ipywidgets."""

from __future__ import annotations

from typing import Any

from participant_kit.challenge.errors import KitError
from participant_kit.participant.follow import follow
from participant_kit.participant.html import leaderboard_html, notes_html, submission_html
from participant_kit.participant.leaderboard import Leaderboard
from participant_kit.participant.submission import Submission


def submission_widget(submission: Submission) -> Any:
    """``submission`` on its way, its progress brought up to date until it has ended."""
    from ipywidgets import HTML  # type: ignore[import-untyped]

    widget = HTML()

    def show(trouble: str) -> None:
        widget.value = submission_html(submission, [trouble] if trouble else [])

    show("")
    if not submission.state.is_final:
        follow(submission, show)
    return widget


def leaderboard_widget(board: Leaderboard) -> Any:
    """``board`` under a button that fetches it again."""
    from ipywidgets import HTML, Button, VBox

    table, button = HTML(leaderboard_html(board)), Button(description="Refresh", tooltip="Fetch the board again")

    def refresh(_: Button) -> None:
        try:
            table.value = leaderboard_html(board.refresh())
        except KitError as error:
            table.value = leaderboard_html(board) + notes_html([str(error)], mood="bad")

    button.on_click(refresh)
    return VBox([button, table])

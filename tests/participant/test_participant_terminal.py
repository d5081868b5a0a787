"""What a terminal of eighty columns shows is whole words."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from participant_kit.participant.terminal import submissions_table
from participant_kit.protocol.messages import SubmissionStatus
from participant_kit.protocol.states import State

NOW = datetime(2026, 11, 27, 13, 54, tzinfo=UTC)


def submission(number: int, **changed: Any) -> Any:
    status = SubmissionStatus(
        **{
            "id": f"01a21d49-2399-76b2-bac0-a73ab9592f{number:02}",
            "challenge": "smokers",
            "phase": "development",
            "participant": "ada",
            "state": State.SCORED,
            "version": 1,
            "attempt": 1,
            "counted": True,
            "created_at": NOW,
            "updated_at": NOW,
            "scores": {"brier_score_loss": 0.119, "roc_auc_score": 0.81},
        }
        | changed
    )
    return SimpleNamespace(status=status)


def shown(*submissions: Any) -> str:
    text = StringIO()
    Console(width=80, file=text).print(submissions_table(submissions))
    return text.getvalue()


def test_submissions_to_one_phase_name_it_once_and_nothing_is_cut_off() -> None:
    text = shown(submission(1), submission(2))
    assert (text.count("smokers, development"), "…" in text) == (1, False)
    for word in ("01a21d49-2399-76b2-bac0-a73ab9592f02", "scored", "0.119", "0.81", "2026-11-27", "13:54"):
        assert word in text


def test_submissions_to_several_phases_each_name_theirs() -> None:
    text = shown(submission(1), submission(2, phase="final"))
    assert ("final" in text, "…" in text) == (True, False)

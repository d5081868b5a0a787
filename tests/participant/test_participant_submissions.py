"""Submissions as they show themselves, one and many."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from small_gateway import SLUG, TOKEN, SmallGateway

from participant_kit.participant import Client, Submission
from participant_kit.participant.follow import NAME
from participant_kit.protocol.messages import RehearsalReport
from participant_kit.protocol.states import State


@pytest.fixture
def client(gateway: SmallGateway) -> Client:
    return Client(gateway.address, TOKEN)


@pytest.fixture
def submission(client: Client, notebook: Path) -> Submission:
    return client.submit(notebook, name="<b>bold</b>", note="more trees")


def soon(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_they_are_a_sequence(client: Client, submission: Submission) -> None:
    listed = client.submissions(SLUG)
    assert len(listed) == 1
    assert listed[0].id == submission.id
    assert [own.id for own in listed[:1]] == [submission.id]
    assert submission.id in repr(listed)


def test_none_yet_is_said(client: Client, notebook: Path) -> None:
    assert repr(client.submissions()) == "No submissions yet."
    assert "No submissions yet." in client.submissions()._repr_html_()
    assert client.submissions().to_frame().empty
    assert "state" in client.submissions().to_frame().columns


def test_a_frame_holds_verified_scores_and_failures(client: Client, gateway: SmallGateway, notebook: Path) -> None:
    scored, forged, failed, _ = (client.submit(notebook, name=str(number)) for number in range(4))
    gateway.score(scored.id, 0.7)
    gateway.score(forged.id, 0.6, shown=0.99)
    gateway.fail_rehearsal(failed.id, RehearsalReport(stage="notebook", cell=2, reason="KeyError"))
    frame = client.submissions().to_frame().set_index("name")
    assert frame["state"].tolist() == ["scored", "scored", "failed", "queued"]
    assert frame["verified"].tolist() == [True, False, False, None]
    assert frame.loc["0", "roc_auc_score"] == 0.7
    assert frame.loc["2", ["stage", "cell", "reason"]].tolist() == ["notebook", 2, "KeyError"]
    assert scored.refresh().to_frame().loc[0, "roc_auc_score"] == 0.7


def test_a_score_that_cannot_be_verified_is_marked(
    client: Client, submission: Submission, gateway: SmallGateway
) -> None:
    gateway.score(submission.id, 0.6, shown=0.99)
    shown = submission.refresh()._repr_html_()
    assert "NOT verified" in shown
    assert "differs from what the secure side has signed" in shown
    assert "signed by the secure side and verified" not in shown
    assert "<strong>not verified</strong>" in client.submissions()._repr_html_()


def test_the_primary_score_is_plotted_over_time_and_told_in_words(
    client: Client, gateway: SmallGateway, notebook: Path
) -> None:
    for score in (0.6, 0.8, 0.7):
        gateway.score(client.submit(notebook).id, score)
    shown = client.submissions()._repr_html_()
    assert shown.count("<circle") == 3
    assert 'role="img" aria-label="roc_auc_score over time"' in shown
    assert "first 0.6, last 0.7, lowest 0.6, highest 0.8" in shown


def test_the_widget_follows_a_submission_and_then_stops(submission: Submission, gateway: SmallGateway) -> None:
    widget = submission.widget()
    assert "queued" in widget.value
    gateway.change(submission.id, state=State.REHEARSING)
    soon(lambda: 'value="1"' in widget.value)
    gateway.score(submission.id, 0.75)
    soon(lambda: "0.75" in widget.value)
    soon(lambda: all(thread.name != NAME for thread in threading.enumerate()))
    assert "0.75" in submission.widget().value


def test_what_goes_on_in_the_background_does_not_hold_up_the_end(submission: Submission, gateway: SmallGateway) -> None:
    submission.widget()
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == NAME)
    gateway.change(submission.id, state=State.CANCELLED)
    soon(lambda: all(thread.name != NAME for thread in threading.enumerate()))

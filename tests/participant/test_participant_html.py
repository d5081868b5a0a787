"""What a notebook shows: nothing from elsewhere is markup, and everything can be read."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from small_gateway import SLUG, TOKEN, SmallGateway

from participant_kit.challenge.finding import Finding
from participant_kit.participant import Client, Submission
from participant_kit.participant.hints import for_notebook
from participant_kit.participant.html import findings_html, leaderboard_html, notes_html, submission_html
from participant_kit.participant.leaderboard import Leaderboard
from participant_kit.protocol.messages import LeaderboardRow, RehearsalReport
from participant_kit.protocol.receipts import Failure
from participant_kit.protocol.states import State

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def client(gateway: SmallGateway) -> Client:
    return Client(gateway.address, TOKEN)


@pytest.fixture
def submission(client: Client, notebook: Path) -> Submission:
    return client.submit(notebook, name=EVIL, note=f'"{EVIL}')


def board(**changes: object) -> Leaderboard:
    row = LeaderboardRow(rank=1, participant=EVIL, scores={EVIL: 0.5}, submitted_at=datetime.now(UTC), submissions=1)
    whole = {"challenge": EVIL, "phase": EVIL, "primary": EVIL, "higher_is_better": True, "hidden": False}
    return Leaderboard.model_validate(whole | {"participants": 1, "rows": [row]} | changes)


class Tags(HTMLParser):
    """The tags of a page; each that is opened must be closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def pages(client: Client, submission: Submission, gateway: SmallGateway) -> list[str]:
    """All that a gateway without scruples could have a part in."""
    shown = [leaderboard_html(board()), leaderboard_html(board(hidden=True))]
    shown += [findings_html(EVIL, [Finding(EVIL, EVIL, EVIL, EVIL)]), notes_html([EVIL])]
    gateway.change(submission.id, challenge=SLUG, phase=EVIL, queue_position=3)
    shown += [submission_html(submission.refresh()), client.submissions()._repr_html_()]
    gateway.change(submission.id, state=State.SCORED, scores={EVIL: 0.5, "roc_auc_score": 0.5})
    shown += [submission_html(submission.refresh()), client.submissions()._repr_html_()]
    gateway.change(submission.id, state=State.FAILED, scores=None, failure=Failure(stage=EVIL, reason=EVIL))
    submission = client.submission(submission.id)  # one that has not seen that it was scored
    shown += [submission_html(submission), client.submissions()._repr_html_()]
    gateway.fail_rehearsal(submission.id, RehearsalReport(stage="notebook", message=EVIL, log=f"\x1b[31m{EVIL}"))
    return [*shown, submission_html(submission.refresh())]


def test_nothing_from_a_gateway_is_markup(client: Client, submission: Submission, gateway: SmallGateway) -> None:
    for page in pages(client, submission, gateway):
        assert "script" not in {tag for tag, _ in Tags(page).seen}
        assert "&lt;script&gt;" in page
        assert "\x1b" not in page


def test_tables_and_plots_can_be_read_aloud(client: Client, submission: Submission, gateway: SmallGateway) -> None:
    for page in pages(client, submission, gateway):
        seen = Tags(page).seen
        count = [tag for tag, _ in seen].count
        assert count("table") == count("caption")
        assert count("svg") == count("figcaption")
        assert all(attributes.get("scope") in ("col", "row") for tag, attributes in seen if tag == "th")
        assert all(attributes.get("aria-label") for tag, attributes in seen if tag in ("svg", "progress"))


def test_colours_are_those_of_the_theme_and_each_has_something_to_fall_back_on() -> None:
    (style,) = re.findall("<style>(.*?)</style>", notes_html(["x"]), re.DOTALL)
    assert "#" not in re.sub(r"var\(--jp-[\w-]+, var\(--vscode-[\w-]+, (#\w+|inherit)\)\)", "", style)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("Run: pkit rehearse NOTEBOOK. It shows all.", "Run: %blind rehearse. It shows all."),
        ("See it with: pkit watch 12", "See it with: %blind status 12"),
        ("Log in with: pkit login https://GATEWAY", "Log in with: pkit login https://GATEWAY (in a terminal)"),
        ("Nothing to do.", "Nothing to do."),
    ],
)
def test_next_steps_are_those_of_a_notebook(told: str, shown: str) -> None:
    assert for_notebook(told) == shown

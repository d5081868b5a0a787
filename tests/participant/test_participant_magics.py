"""``%blind`` in a kernel that has participant-kit, and in a terminal."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from ipywidgets.widgets.widget import _instances
from small_gateway import CELLS, TOKEN, SmallGateway, write_notebook
from traitlets.config import Config

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import Environment
from participant_kit.participant.credentials import save_token
from participant_kit.participant.follow import NAME
from participant_kit.participant.records import find_record
from participant_kit.protocol.messages import RehearsalReport
from participant_kit.protocol.states import State

WIDGET = "application/vnd.jupyter.widget-view+json"


class Page(DisplayPublisher):
    """A front end: keeps what each place shows, by MIME type."""

    def publish(
        self, data: Any, metadata: Any = None, *, transient: Any = None, update: bool = False, **_: Any
    ) -> None:
        place = (transient or {}).get("display_id")
        if not update or place in self.places:
            self.places[place] = data

    @property
    def last(self) -> dict[str, Any]:
        return next(reversed(self.places.values()), {})

    @property
    def widget(self) -> Any:
        return _instances[self.last[WIDGET]["model_id"]]


class Notebook:
    """A kernel's half of a notebook, and what its page shows."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.page = Page(parent=shell, shell=shell)
        self.page.places = {}

    def run(self, source: str) -> str:
        """Run a cell; the last thing that it shows, or the message of its error."""
        result = self.shell.run_cell(source, store_history=True)
        return str(result.error_in_exec) if result.error_in_exec else self.page.last.get("text/html", "")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """IPython as in a terminal, with the extension loaded."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}), colors="nocolor")
    shell.run_line_magic("load_ext", "participant_kit")
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def here(gateway: SmallGateway, kit: ChallengeFolder, notebook: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The starter notebook, as the one that is open; its participant is logged in."""
    save_token(gateway.address, TOKEN)
    monkeypatch.chdir(kit.notebooks_dir)
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook))
    return notebook


@pytest.fixture
def open_notebook(shell: InteractiveShell, here: Path, gateway: SmallGateway) -> Iterator[Notebook]:
    """A kernel that can show widgets."""
    shell.kernel = SimpleNamespace(comm_manager=SimpleNamespace(register_target=lambda *_: None))
    opened = Notebook(shell)
    shell.display_pub = opened.page
    yield opened
    for identifier in gateway.statuses:
        gateway.change(identifier, state=State.CANCELLED, scores=None, has_receipt=False)
    soon(lambda: all(thread.name != NAME for thread in threading.enumerate()))


def soon(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def only(gateway: SmallGateway) -> str:
    (identifier,) = gateway.statuses
    return identifier


def test_importing_the_package_stays_fast() -> None:
    program = "import sys, participant_kit; print([n for n in ('IPython', 'pydantic', 'requests') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_submission_is_followed_in_a_widget_while_the_kernel_is_free(
    open_notebook: Notebook, gateway: SmallGateway
) -> None:
    open_notebook.run("%blind submit --name 'second try' --note 'more trees'")
    page, identifier = open_notebook.page, only(gateway)
    assert "queued" in page.widget.value
    assert "second try" in page.widget.value
    assert "Sent start.ipynb, as saved today" in page.widget.value
    assert "bits" in page.widget.value
    assert "9 of 10 today" in page.widget.value
    gateway.change(identifier, queue_position=3)
    soon(lambda: "place 3 in the queue" in page.widget.value)
    gateway.change(identifier, state=State.RUNNING, queue_position=None)
    soon(lambda: re.search(r'<progress max="3" value="2"', page.widget.value))
    widget = page.widget
    gateway.score(identifier, 0.75)
    soon(lambda: WIDGET not in page.last)
    assert "verified" in widget.value
    assert "0.75" in page.last["text/html"], "the scores are in the notebook when it is opened without a kernel"
    record = find_record(identifier)
    assert record
    assert (record.name, record.note) == ("second try", "more trees")


def test_without_widgets_the_page_itself_is_brought_up_to_date(
    open_notebook: Notebook, gateway: SmallGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("participant_kit.participant.magics.find_spec", lambda name: None)
    assert "queued" in open_notebook.run("%blind submit")
    report = RehearsalReport(stage="notebook", cell=2, reason="AttributeError", log="a long log")
    gateway.fail_rehearsal(only(gateway), report)
    soon(lambda: "failed" in open_notebook.page.last["text/html"])
    shown = open_notebook.page.last["text/html"]
    assert "In cell 2: Something was asked for an attribute" in shown
    assert "a long log" in shown
    assert "Rehearse the notebook" in shown
    assert "pkit rehearse" not in shown


def test_a_score_is_compared_with_the_best_one_before(open_notebook: Notebook, gateway: SmallGateway) -> None:
    for score in (0.7, 0.6, 0.75):
        known = set(gateway.statuses)
        open_notebook.run("%blind submit")
        (new,) = set(gateway.statuses) - known
        gateway.score(new, score)
        soon(lambda: WIDGET not in open_notebook.page.last)
    assert "+0.05, better (0.7 before)" in open_notebook.page.last["text/html"]
    assert "<svg" in open_notebook.page.last["text/html"]


def test_a_cell_waits_for_the_scores_if_told_to(open_notebook: Notebook, gateway: SmallGateway) -> None:
    open_notebook.run("%blind submit")
    gateway.score(only(gateway), 0.75)
    assert "0.75" in open_notebook.run(f"%blind status {only(gateway)[-8:]} --wait")


def test_the_notebook_may_hold_the_line_that_submits_it(
    open_notebook: Notebook, gateway: SmallGateway, here: Path, environment: Environment
) -> None:
    source = "%load_ext participant_kit\n%blind submit"
    write_notebook(here, *CELLS, ("", source))
    assert "nothing was found" in open_notebook.run("%blind check")
    assert "passed after" in open_notebook.run("%blind rehearse")
    open_notebook.run(source)
    assert gateway.statuses


def test_errors_and_warnings_are_shown_and_nothing_is_sent(
    open_notebook: Notebook, gateway: SmallGateway, here: Path
) -> None:
    write_notebook(here, *CELLS, ("", "x ="))
    assert "Nothing was sent" in open_notebook.run("%blind submit --override")
    assert '<th scope="row">error</th>' in open_notebook.page.last["text/html"]
    write_notebook(here, *CELLS, ("", "!ls"))
    assert "--override" in open_notebook.run("%blind submit")
    assert "a shell command" in open_notebook.page.last["text/html"]
    assert not gateway.statuses
    open_notebook.run("%blind submit --override")
    assert gateway.statuses


def test_what_ran_last_must_be_in_the_file_that_is_sent(
    open_notebook: Notebook, gateway: SmallGateway, here: Path
) -> None:
    open_notebook.run("threshold = 0.7")
    assert "Save the notebook first" in open_notebook.run("%blind submit")
    assert not gateway.statuses
    write_notebook(here, *CELLS, ("", "threshold = 0.7"))
    open_notebook.run("%blind submit")
    assert gateway.statuses


def test_vs_code_names_the_notebook_itself(
    open_notebook: Notebook, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/elsewhere/start.ipynb")
    assert "no notebook is there (any more)" in open_notebook.run("%blind check")
    open_notebook.shell.user_ns["__vsc_ipynb_file__"] = str(here)
    assert "nothing was found" in open_notebook.run("%blind check")
    del open_notebook.shell.user_ns["__vsc_ipynb_file__"]
    monkeypatch.delenv("JPY_SESSION_NAME")
    assert "Give its path" in open_notebook.run("%blind check")
    assert "nothing was found" in open_notebook.run("%blind check start.ipynb")


def test_what_is_wrong_is_said_without_a_traceback(
    open_notebook: Notebook, capsys: pytest.CaptureFixture[str], gateway: SmallGateway
) -> None:
    save_token(gateway.address, "an-old-token")
    open_notebook.run("%blind submit")
    open_notebook.run("%blind sumbit")
    said = capsys.readouterr()
    assert "UsageError: This token is not known." in said.err
    assert "%blind help" in said.err
    assert "Traceback" not in said.out + said.err


def test_status_leaderboard_cancel_and_help(open_notebook: Notebook, gateway: SmallGateway) -> None:
    assert "No submissions yet" in open_notebook.run("%blind status")
    open_notebook.run("%blind submit")
    assert only(gateway) in open_notebook.run("%blind status")
    assert "ada (you)" in open_notebook.run("%blind leaderboard")
    assert "cancelled" in open_notebook.run(f"%blind cancel {only(gateway)[-8:]}")
    for command in ("submit", "status", "leaderboard", "check", "rehearse", "cancel"):
        assert f"%blind {command}" in open_notebook.run("%blind help")


def test_in_a_terminal_all_is_plain_text(
    shell: InteractiveShell, here: Path, gateway: SmallGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("%blind submit")
    shown = capsys.readouterr().out
    assert "queued" in shown
    assert "bits" in shown
    gateway.score(only(gateway), 0.75)
    shell.run_cell(f"%blind status {only(gateway)} --wait\n%blind status\n%blind leaderboard")
    shown = capsys.readouterr().out
    assert "0.75" in shown
    assert "ada (you)" in shown
    assert "<" not in shown
    assert "\x1b" not in shown

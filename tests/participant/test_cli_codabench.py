"""The participant's commands with a Codabench server, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from codabench_server import COMPETITION, PASSWORD, TOKEN, USER, CodabenchServer
from support import SOLUTION, make_notebook
from typer.testing import CliRunner

from participant_kit.challenge.errors import KitError
from participant_kit.cli import console
from participant_kit.cli.participant import add_commands
from participant_kit.participant.credentials import load_codabench

app = typer.Typer()
add_commands(app)


@pytest.fixture(autouse=True)
def text_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command starts as in a process of its own."""
    monkeypatch.setitem(console._mode, "json", False)
    monkeypatch.setattr(console.out, "_width", 200)
    monkeypatch.setattr(console.err, "_width", 200)
    monkeypatch.setattr("participant_kit.participant.codabench.submission.EVERY", 0.01)


@pytest.fixture
def server() -> Iterator[CodabenchServer]:
    server = CodabenchServer()
    yield server
    server.close()


def pkit(*words: str | Path, code: int = 0, given: str = "") -> Result:
    """Run a command; no secret is ever printed."""
    console._mode["json"] = False
    result = CliRunner().invoke(app, [str(word) for word in words], input=given)
    assert TOKEN not in result.output
    assert PASSWORD not in result.output
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def pkit_json(*words: str | Path, code: int = 0) -> Any:
    return json.loads(pkit(*words, "--json", code=code).stdout)


@pytest.fixture
def joined(server: CodabenchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the folder of the competition, logged in, with a notebook."""
    monkeypatch.chdir(tmp_path)
    pkit("login", "--codabench", server.address, given=f"{USER}\n{PASSWORD}\n")
    pkit("join", "--codabench", server.competition)
    folder = tmp_path / f"codabench-{COMPETITION}"
    (folder / "mine.ipynb").write_bytes(make_notebook(SOLUTION))
    monkeypatch.chdir(folder)
    return folder


def test_user_name_and_password_become_a_token(server: CodabenchServer) -> None:
    result = pkit("login", "--codabench", server.address, given=f"{USER}\n{PASSWORD}\n")
    assert f"as {USER}" in result.output
    assert load_codabench(server.address) == (TOKEN, USER)


def test_a_token_is_taken_from_a_file(server: CodabenchServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    pkit("login", "--codabench", server.address, "--token-file", tmp_path / "token")
    assert load_codabench(server.address) == (TOKEN, USER)


def test_joining_says_that_nothing_is_sealed_and_where_to_register(
    server: CodabenchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server.participant_status = None
    pkit("login", "--codabench", server.address, given=f"{USER}\n{PASSWORD}\n")
    result = pkit("join", "--codabench", server.competition, "--folder", "wheat")
    assert "nothing is sealed" in result.output
    assert f"Register at {server.competition}" in result.output
    assert (tmp_path / "wheat" / "public_data" / "train.csv").is_file()


def test_from_a_notebook_to_scores_and_leaderboard(server: CodabenchServer, joined: Path) -> None:
    server.moves = True
    result = pkit("submit", "mine.ipynb", "--wait")
    assert "nothing is sealed" in result.output
    assert "Codabench calls it Finished" in result.output
    assert "nobody has signed it" in result.output
    assert "0.93" in pkit("scores", "9001").output
    assert "ada (you)" in pkit("leaderboard").output
    assert "9001" in pkit("status").output
    described = pkit_json("status", "9001")
    assert (described["state"], described["said"], described["verified"]) == ("scored", "Finished", False)


def test_a_competition_that_was_not_joined_is_named_by_its_address(
    server: CodabenchServer, joined: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "wheat.predict").write_text("1\n")
    pkit("submit", "out", "-c", server.competition)
    assert [row["id"] for row in pkit_json("status", "-c", server.competition)] == ["9001"]
    assert pkit_json("cancel", "9001", "-c", server.competition)["state"] == "cancelled"


def test_a_failure_ends_with_one_and_its_log_can_be_read(server: CodabenchServer, joined: Path) -> None:
    pkit("submit", "mine.ipynb")
    server.move(9001, "Failed", "program_rc=1")
    assert "program_rc=1" in pkit("watch", "9001", code=1).output
    assert "no column x" in pkit("status", "9001", "--log").output


def test_one_is_put_on_the_leaderboard_where_participants_choose(server: CodabenchServer, joined: Path) -> None:
    server.rule = "Add"
    pkit("submit", "mine.ipynb")
    server.score(9001)
    assert "ada" not in pkit("leaderboard").output
    assert "ada (you)" in pkit("leaderboard", "--add", "9001").output


def test_competitions_in_which_one_takes_part_are_listed(server: CodabenchServer, joined: Path) -> None:
    assert "Wheat seeds" in pkit("list", "--codabench", server.address).output
    server.participant_status = "pending"
    assert "Register" in pkit("list", "--codabench", server.address).output


def test_a_number_that_is_none_says_where_to_look(joined: Path) -> None:
    with pytest.raises(KitError) as error:
        pkit("status", "9f3c81d2")
    assert (error.value.code, error.value.hint) == ("unknown_submission", "See them all with: pkit status")

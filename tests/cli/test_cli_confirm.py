"""`pkit challenge confirm`: nothing is confirmed that was not shown, and nobody is asked who cannot answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.cli import confirm as command
from participant_kit.cli import console
from participant_kit.organizer import confirm
from participant_kit.organizer.confirm import draft_columns

CARD = Path(confirm.__file__).parent / "demonstration" / "challenge.yaml"
CODEBOOK = """\
schema_version: 1
columns:
  id: {type: integer, minimum: 1, maximum: 9, draft: true}
  lead: {type: number, description: "Lead in [blood]", unit: ug/dL, minimum: 0.0, maximum: 50.0,
    nullable: true, missing: 0.2, bins: [0.0, 1.0, 50.0], missing_when: {sex: [m]}, draft: true}
  sex: {type: category, levels: [f, m], draft: true}
  done: {type: text}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ChallengeFolder]:
    shutil.copy(CARD, tmp_path / "challenge.yaml")
    (tmp_path / "codebook.yaml").write_text(CODEBOOK)
    yield ChallengeFolder(tmp_path)
    console._mode["json"] = False


def run(folder: ChallengeFolder, *words: str, answers: str | None = None) -> Result:
    app = typer.Typer()
    app.command()(command.confirm)
    return CliRunner().invoke(app, [str(folder.root), *words], input=answers)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_asks", lambda: True)


def test_named_columns_are_shown_and_confirmed(folder: ChallengeFolder) -> None:
    result = run(folder, "lead", "done")
    assert result.exit_code == 0
    for said in ("lead", "number (ug/dL)", "Lead in [blood]", "0.0 to 50.0", "0.0, 1.0, 50.0", "sex: m", "0.2"):
        assert said in result.stderr
    assert "1 confirmed, 2 still drafts." in result.stdout
    assert draft_columns(folder) == ["id", "sex"]


def test_all_of_them_are_confirmed_at_once(folder: ChallengeFolder) -> None:
    assert "3 confirmed, 0 still drafts." in run(folder, "--all").stdout
    assert draft_columns(folder) == []
    assert "Nothing to confirm: no column is a draft." in run(folder, "--all").stdout
    assert "Nothing to confirm: no column is a draft." in run(folder).stdout


def test_what_is_no_draft_is_said(folder: ChallengeFolder) -> None:
    assert "Nothing to confirm: none of these is a draft." in run(folder, "done").stdout


def test_json_says_what_was_confirmed(folder: ChallengeFolder) -> None:
    result = run(folder, "id", "--json")
    assert json.loads(result.stdout) == {"confirmed": ["id"], "drafts": ["lead", "sex"]}


@pytest.mark.parametrize("words", [(), ("--json",), ("--yes",)])
def test_without_a_person_columns_are_to_be_named(folder: ChallengeFolder, words: tuple[str, ...]) -> None:
    error = run(folder, *words).exception
    assert isinstance(error, KitError)
    assert "id, lead, sex" in error.hint
    assert draft_columns(folder) == ["id", "lead", "sex"]


def test_a_wrong_name_confirms_nothing(folder: ChallengeFolder) -> None:
    error = run(folder, "id", "leed").exception
    assert isinstance(error, KitError) and "Did you mean lead?" in error.hint
    assert draft_columns(folder) == ["id", "lead", "sex"]


@pytest.mark.usefixtures("person")
def test_a_person_is_asked_for_one_column_after_another(folder: ChallengeFolder) -> None:
    result = run(folder, answers="y\nperhaps\nn\nq\n")
    assert result.exit_code == 0
    assert "1 of 3" in result.output and "3 of 3" in result.output
    assert draft_columns(folder) == ["lead", "sex"]


@pytest.mark.usefixtures("person")
def test_quitting_keeps_what_was_confirmed(folder: ChallengeFolder) -> None:
    assert "2 of 3" in run(folder, answers="y\nq\n").output
    assert draft_columns(folder) == ["lead", "sex"]


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize(
    ("words", "answer", "left"),
    [(("--all",), "n\n", 3), (("--all",), "y\n", 0), (("--all", "--yes"), "", 0), (("id",), "y\n", 2)],
)
def test_a_person_says_yes_once_to_many(
    folder: ChallengeFolder, words: tuple[str, ...], answer: str, left: int
) -> None:
    run(folder, *words, answers=answer)
    assert len(draft_columns(folder)) == left

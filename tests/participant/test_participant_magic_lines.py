"""What a notebook may hold for this machine alone, and is not sent."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from small_gateway import CELLS, write_notebook

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.check import check_notebook
from participant_kit.participant.magic_lines import leave_out
from participant_kit.participant.prepare import prepare_notebook

GONE = "# participant-kit, left out"


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("%load_ext participant_kit\nx = 1", f"{GONE}\nx = 1"),
        ("%reload_ext participant_kit", GONE),
        ('x = 1\n%blind submit --note "it\'s new"\ny = 2', f"x = 1\n{GONE}\ny = 2"),
        ("if x:\n    %blind status\ny = 2", f"if x:\n    pass  {GONE}\ny = 2"),
        ("%blind submit \\\n    --wait\ny = 2", f"{GONE}\n{GONE}\ny = 2"),
        ("%%time\n%blind status\n!echo it's", f"%%time\n{GONE}\n!echo it's"),
        ("%blind?", GONE),
        ("%%blind submit\nit's new", f"{GONE}\n{GONE}"),
    ],
)
def test_our_lines_become_comments_and_line_numbers_stay(source: str, sent: str) -> None:
    assert leave_out(source) == sent


@pytest.mark.parametrize(
    "source",
    [
        "%load_ext participant_kit_of_others",
        "%load_ext autoreload\n%matplotlib inline",
        "%blindfold",
        'text = """\n%blind submit\n"""',
        "x = (5\n     % blind)",
        "import participant_kit",
        "x = [  # it's not even Python\n%blind",
    ],
)
def test_everything_else_stays_as_it_is(source: str) -> None:
    assert leave_out(source) == source


def test_another_note_makes_no_other_notebook(tmp_path: Path) -> None:
    digests = {
        prepare_notebook(write_notebook(tmp_path / "a.ipynb", *CELLS, ("", f"%blind submit --note {note}"))).sha256
        for note in ("first", "second")
    }
    assert len(digests) == 1


def test_a_notebook_without_such_lines_is_the_same_bytes_as_ever(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "a.ipynb", *CELLS, ("", "%time x = 1\n"))
    assert prepare_notebook(path).sha256 == "b35eba10051a3e1bed7971b820304237616ddde851bcd88213e24146cf5c0d24"


def test_text_cells_may_speak_of_it(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("%blind submit")])
    nbformat.write(notebook, tmp_path / "a.ipynb")
    assert prepare_notebook(tmp_path / "a.ipynb").source_nb.cells[0].source == "%blind submit"


def test_the_check_sees_what_is_sent_and_importing_the_package_is_still_an_error(kit: ChallengeFolder) -> None:
    path = write_notebook(kit.root / "a.ipynb", *CELLS, ("", "%load_ext participant_kit\n%blind submit\n\nx ="))
    assert [(finding.cell, finding.line) for finding in check_notebook(path, kit)] == [(3, 4)]
    path = write_notebook(kit.root / "a.ipynb", *CELLS, ("", "%blind submit\nimport participant_kit"))
    assert [(finding.cell, finding.line) for finding in check_notebook(path, kit)] == [(3, 2)]

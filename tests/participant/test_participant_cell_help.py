"""Help with a cell that failed on data that nobody here has seen."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from small_gateway import TOKEN, SmallGateway, write_notebook

from participant_kit.challenge import alphabet
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant import Client
from participant_kit.participant.cell_help import USUAL, CellHelp, cell_help
from participant_kit.protocol.receipts import Failure

CODEBOOK = """schema_version: 1
columns:
  id: {type: integer, minimum: 1, maximum: 1000}
  x: {type: number, minimum: 0, maximum: 1, unit: m, nullable: true}
  site: {type: category, levels: [north, south, "an island"]}
  y: {type: integer, minimum: 0, maximum: 1}
"""
CELLS = (
    ("parameters", 'data_dir = "../sample_data"\noutput_dir = "."'),
    ("", "rows = test.x.fillna(0)\nrows = test['site']"),
    ("", "model.fit(rows)"),
)


@pytest.fixture
def ask(kit: ChallengeFolder, gateway: SmallGateway) -> Callable[..., CellHelp]:
    """Submits the cells, and returns the help with a failure of them."""
    submission = Client(gateway.address, TOKEN).submit(write_notebook(kit.notebooks_dir / "cells.ipynb", *CELLS))
    kit.codebook_path.write_text(CODEBOOK)
    sample = pd.DataFrame({"id": [1, 2], "x": [0.1, 0.2], "site": ["north", "north"]})
    for path in kit.sample_dir.glob("*.parquet"):
        path.unlink()
    sample.to_parquet(kit.sample_dir / "test.parquet")
    return lambda **failure: cell_help(submission.id, Failure(**failure))


def test_what_is_usual_is_said_of_words_that_may_leave() -> None:
    assert set(USUAL) <= {*alphabet.REASONS, *alphabet.STAGES}


def test_the_cell_its_columns_and_what_the_sample_lacks_of_them(ask: Callable[..., CellHelp]) -> None:
    said = ask(stage="notebook", cell=2, reason="KeyError")
    assert said.source == CELLS[1][1]
    assert "A level that the sample does not have" in said.usual[0]
    assert said.here
    assert dict(said.columns) == {
        "x": "number; 0 to 1 m; may be missing; the sample has no missing value",
        "site": "category; one of north, south, an island; never missing; the sample never has an island, south",
    }


def test_a_cell_that_names_no_column_has_those_of_the_cells_before_it(ask: Callable[..., CellHelp]) -> None:
    said = ask(stage="notebook", cell=3, reason="ValueError")
    assert (said.source, said.here, set(said.columns)) == (CELLS[2][1], False, {"x", "site"})


def test_an_error_of_the_code_alone_has_no_columns_of_other_cells(ask: Callable[..., CellHelp]) -> None:
    said = ask(stage="notebook", cell=3, reason="NameError")
    assert (said.usual, dict(said.columns)) == ((), {})


@pytest.mark.parametrize("cell", [None, 99])
def test_without_a_cell_there_is_what_is_usual(ask: Callable[..., CellHelp], cell: int | None) -> None:
    said = ask(stage="memory", cell=cell)
    assert (said.source, said.usual) == ("", USUAL["memory"])

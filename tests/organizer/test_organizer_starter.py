"""Notebooks to start with: for every kind of challenge they run as they stand, without a warning, and can be sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from cells import run_cells

from participant_kit.challenge.card import Card
from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.document import dump_document, parse_document
from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.predictions import parse_predictions
from participant_kit.challenge.table import conform
from participant_kit.organizer import demonstration
from participant_kit.organizer.starter import starter_notebooks, write_starters
from participant_kit.participant.check import check_notebook

ROOT = Path(__file__).parents[2]
DEMONSTRATION = ChallengeFolder(Path(demonstration.__file__).parent)

COLUMNS = {
    "age": {"type": "integer", "minimum": 0, "maximum": 120},
    "bmi": {"type": "number", "minimum": 10, "maximum": 60, "nullable": True},
    "always one": {"type": "number", "minimum": 1, "maximum": 1},
    'ward | $x$ "q"': {"type": "category", "levels": ["A", "it's", '"B"', "$C$"], "nullable": True},
    "smoker": {"type": "boolean", "nullable": True},
    "admitted": {"type": "date", "minimum": "2020-01-01", "maximum": "2022-06-01", "nullable": True},
    "note": {"type": "text", "nullable": True},
    "nothing": {"type": "number", "minimum": 0, "maximum": 1, "nullable": True},
    "no level": {"type": "category", "levels": ["x", "y"], "nullable": True},
    "血圧": {"type": "number", "minimum": 0, "maximum": 300},
}
EMPTY = ("nothing", "no level")
IDENTIFIER, TARGET, PREDICTION = "the id", "out come", 'pre"diction'
BINARY: dict[str, Any] = {"type": "category", "levels": ["it's fine", 'we"ll']}
CLASSES: dict[str, Any] = {"type": "category", "levels": ["a", "b", "c"]}
NUMBER: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 100}


@dataclass(frozen=True)
class Case:
    """One kind of challenge."""

    target: dict[str, Any]
    metric: str
    prediction: str = "number"
    columns: tuple[str, ...] = ("bmi", "no level")
    rows: int = 80
    values: int = 3
    """How many different values of the target there are at most."""
    output: str = "predictions.csv"
    identifier: str = "integer"


CASES = {
    "two classes": Case(BINARY, "roc_auc_score", columns=tuple(COLUMNS)),
    "true or false": Case({"type": "boolean"}, "log_loss", columns=("age", "smoker")),
    "several classes": Case(CLASSES, "balanced_accuracy_score", "text", tuple(COLUMNS), identifier="text"),
    "classes that are numbers": Case(
        {"type": "category", "levels": [1, 2, 3]}, "accuracy_score", "integer", columns=("age",), output="p.parquet"
    ),
    "a number": Case(NUMBER, "r2_score", columns=tuple(COLUMNS), values=99),
    "a whole number": Case(
        {"type": "integer", "minimum": 0, "maximum": 40}, "mean_absolute_error", "integer", ("age",), values=40
    ),
    "text alone": Case(BINARY, "roc_auc_score", columns=("note",)),
    "categories alone": Case(CLASSES, "accuracy_score", "text", columns=('ward | $x$ "q"', "no level")),
    "a date alone": Case(NUMBER, "r2_score", columns=("admitted",), values=99),
    "nothing but an empty column": Case(BINARY, "brier_score_loss", columns=("nothing",)),
    "fewer rows of a class than folds": Case(BINARY, "roc_auc_score", rows=6),
    "a single row": Case(NUMBER, "r2_score", rows=1),
    "one class": Case(BINARY, "roc_auc_score", values=1),
    "one label": Case(CLASSES, "accuracy_score", "text", values=1),
    "one number": Case(NUMBER, "mean_absolute_error", values=1),
}


def describe(case: Case, **card: Any) -> tuple[Card, Codebook]:
    bounds = {"minimum": 1, "maximum": 9999} if case.identifier == "integer" else {}
    columns = {IDENTIFIER: {"type": case.identifier, **bounds}, **{name: COLUMNS[name] for name in case.columns}}
    content = {
        "schema_version": 1,
        "slug": "small",
        "title": "A small\nchallenge",
        "data": {"identifier": IDENTIFIER, "target": TARGET},
        "submission": {"output": case.output, "columns": {IDENTIFIER: case.identifier, PREDICTION: case.prediction}},
        "metrics": [
            {"name": case.metric, "higher_is_better": not case.metric.endswith(("loss", "error")), "range": [0, 1]}
            | {"primary": True}
        ],
        "phases": [{"name": "development", "starts": "2026-01-01", "ends": "2036-01-01"}],
    }
    text = json.dumps({"schema_version": 1, "columns": {**columns, TARGET: case.target}})
    for day in ("2020-01-01", "2022-06-01"):
        text = text.replace(f'"{day}"', day)
    codebook = parse_document(text.encode(), Codebook, "codebook.yaml")
    return parse_document(json.dumps(content | card).encode(), Card, "challenge.yaml"), codebook


def value(column: Column, row: int) -> Any:
    """What stands in a row: every fifth is missing where it may, numbers and levels go round."""
    if column.nullable and row % 5 == 0:
        return None
    match column.type:
        case "category":
            return column.level_names[row * 7 % len(column.level_names)]
        case "boolean":
            return row % 3 == 0
        case "date":
            return pd.Timestamp(column.minimum) + pd.Timedelta(days=row % 400)
        case "text":
            return "word " * (row % 4) + str(row)
        case _:
            return column.minimum + (row * 37 % 101) / 101 * (column.maximum - column.minimum) // 1


def write_tables(case: Case, codebook: Codebook, folder: Path) -> None:
    for name, first, rows in (("train", 1, case.rows), ("test", 1001, 9)):
        table = {
            column: [None if column in EMPTY else value(codebook.columns[column], row) for row in range(rows)]
            for column in case.columns
        }
        numbers = range(first, first + rows)
        table[IDENTIFIER] = [f"row, {number}" for number in numbers] if case.identifier == "text" else list(numbers)
        if name == "train":
            table[TARGET] = [value(codebook.columns[TARGET], row * row % case.values) for row in range(rows)]
        columns = [column for column in codebook.columns if column in table]
        conform(pd.DataFrame(table), codebook, columns).to_parquet(folder / f"{name}.parquet", index=False)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_of_the_three_runs_on_its_sample_without_a_warning_and_writes_what_can_be_sent(
    case: Case, tmp_path: Path
) -> None:
    card, codebook = describe(case)
    write_tables(case, codebook, tmp_path)
    expected = pd.read_parquet(tmp_path / "test.parquet")[IDENTIFIER]
    found = {}
    for name, notebook in starter_notebooks(card, codebook).items():
        run_cells(notebook, tmp_path, tmp_path)
        output = tmp_path / card.submission.output
        found[name] = parse_predictions(output.read_bytes(), card, expected)[PREDICTION]
        output.unlink()
    assert list(found) == ["01_explore.ipynb", "02_baseline.ipynb", "03_improve.ipynb"]
    assert found["01_explore.ipynb"].nunique() == 1
    if card.primary.name in ("roc_auc_score", "log_loss", "brier_score_loss"):
        assert all(values.between(0, 1).all() for values in found.values())


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (CASES["one class"], "the same target: there is nothing to learn here"),
        (Case(BINARY, "roc_auc_score", rows=2), "Too few rows of a class"),
    ],
    ids=["one class", "one row of a class"],
)
def test_a_sample_that_teaches_nothing_is_said_in_a_sentence(case: Case, words: str, tmp_path: Path) -> None:
    card, codebook = describe(case)
    write_tables(case, codebook, tmp_path)
    notebooks = starter_notebooks(card, codebook)
    assert words in run_cells(notebooks["02_baseline.ipynb"], tmp_path, tmp_path)


def test_the_positive_class_is_the_one_that_the_metrics_take(tmp_path: Path) -> None:
    case = Case(BINARY, "roc_auc_score", columns=("age",))
    card, codebook = describe(case)
    write_tables(case, codebook, tmp_path)
    run_cells(starter_notebooks(card, codebook)["01_explore.ipynb"], tmp_path, tmp_path)
    share = (pd.read_parquet(tmp_path / "train.parquet")[TARGET] == 'we"ll').mean()
    assert 0 < share < 1 and share != 0.5
    assert pd.read_csv(tmp_path / "predictions.csv")[PREDICTION].iloc[0] == pytest.approx(share)


def test_where_the_organizer_scores_every_column_is_written(tmp_path: Path) -> None:
    case = Case(CLASSES, "own", "text", ("age",))
    asked = {"output": "predictions.csv", "columns": {IDENTIFIER: "integer", PREDICTION: "text", "sure": "number"}}
    card, codebook = describe(case, scoring="score", submission=asked)
    write_tables(case, codebook, tmp_path)
    expected = pd.read_parquet(tmp_path / "test.parquet")[IDENTIFIER]
    for notebook in starter_notebooks(card, codebook).values():
        run_cells(notebook, tmp_path, tmp_path)
        parse_predictions((tmp_path / "predictions.csv").read_bytes(), card, expected)


@pytest.mark.parametrize("case", ["two classes", "several classes", "a number"])
def test_the_check_finds_nothing_in_them(case: str, tmp_path: Path) -> None:
    card, codebook = describe(CASES[case])
    kit = ChallengeFolder(tmp_path)
    kit.card_path.write_text(dump_document(card.model_dump(mode="json", exclude_unset=True)))
    kit.codebook_path.write_text(dump_document(codebook.model_dump(exclude_defaults=True)))
    kit.requirements_path.write_bytes((ROOT / "tests" / "requirements.txt").read_bytes())
    write_starters(kit)
    for path in sorted(kit.notebooks_dir.glob("*.ipynb")):
        assert check_notebook(path, kit) == []


def test_they_are_the_same_each_time_with_cells_that_have_names() -> None:
    first, second = (starter_notebooks(DEMONSTRATION.card, DEMONSTRATION.codebook) for _ in range(2))
    assert first == second
    for notebook in first.values():
        names = [cell.id for cell in notebook.cells]
        assert len(set(names)) == len(names)
        assert [cell.id for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])] == ["parameters"]
        assert not any("{{" in cell.source or "{%" in cell.source for cell in notebook.cells)


def test_the_codebook_is_shown_because_it_does_not_travel() -> None:
    notebook = starter_notebooks(*describe(CASES["several classes"]))["01_explore.ipynb"]
    page = next(cell.source for cell in notebook.cells if cell.id == "columns")
    for name in COLUMNS:
        assert f"| `{name}` |".replace("ward |", r"ward \|") in page


def test_a_target_that_is_not_described_is_told() -> None:
    card, codebook = describe(CASES["a number"])
    other = codebook.model_copy(update={"columns": {IDENTIFIER: codebook.columns[IDENTIFIER]}})
    with pytest.raises(KitError, match="no column 'out come'"):
        starter_notebooks(card, other)


def test_the_notebooks_of_this_checkout_are_those_of_the_demonstration() -> None:
    for name, notebook in starter_notebooks(DEMONSTRATION.card, DEMONSTRATION.codebook).items():
        assert (ROOT / "starter_notebooks" / name).read_text() == nbformat.writes(notebook) + "\n", "make notebooks"

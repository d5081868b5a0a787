"""From one table to a challenge that works at once."""

from __future__ import annotations

import stat
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from cells import run_cells

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.predictions import parse_predictions
from participant_kit.organizer.check import check_challenge
from participant_kit.organizer.scaffold import new_challenge


def run_starters(folder: ChallengeFolder, data: Path, output: Path) -> list[pd.DataFrame]:
    """The predictions of every starter notebook, each run on the tables in ``data``."""
    found = []
    for path in sorted(folder.notebooks_dir.glob("*.ipynb")):
        run_cells(nbformat.read(path, as_version=4), data, output)
        expected = pd.read_parquet(data / "test.parquet")[folder.card.data.identifier]
        content = (output / folder.card.submission.output).read_bytes()
        found.append(parse_predictions(content, folder.card, expected))
    return found


def test_a_scaffolded_challenge_has_no_mistakes(challenge: ChallengeFolder) -> None:
    assert [finding.key for finding in check_challenge(challenge)] == ["columns.patient"]  # drafts, a warning


def test_each_column_gets_its_type_and_is_a_draft(challenge: ChallengeFolder) -> None:
    columns = challenge.codebook.columns
    assert {name: column.type for name, column in columns.items()} == {
        "patient": "integer",
        "age": "integer",
        "bmi": "number",
        "sex": "category",
        "ward": "category",
        "smoker": "boolean",
        "admitted": "date",
        "note": "text",
        "died": "integer",
    }
    assert all(column.draft for column in columns.values())


def test_the_draft_names_no_extreme_and_no_rare_level(challenge: ChallengeFolder, patients: pd.DataFrame) -> None:
    columns = challenge.codebook.columns
    assert (columns["age"].minimum, columns["age"].maximum) == (10, 100)
    assert (columns["bmi"].missing, columns["bmi"].nullable) == (0.1, True)
    assert columns["ward"].levels == ["A", "B", "C", "other"]
    for path in (challenge.codebook_path, challenge.card_path):
        assert "secret" not in path.read_text()
        assert str(patients.bmi.max()) not in path.read_text()


def test_rows_are_split_by_phase_and_labels_are_apart(challenge: ChallengeFolder, patients: pd.DataFrame) -> None:
    tests = {}
    for phase in ("development", "final"):
        train, test, labels = (
            pd.read_parquet(challenge.private_dir(phase) / f"{name}.parquet") for name in ("train", "test", "labels")
        )
        assert list(labels.columns) == ["patient", "died"]
        assert "died" not in test
        assert set(test.patient) == set(labels.patient)
        tests[phase] = set(test.patient)
        assert not tests[phase] & set(train.patient)
        assert abs(labels.died.astype(int).mean() - patients.died.mean()) < 0.05
    assert not tests["development"] & tests["final"]
    assert tests["development"] | tests["final"] | set(train.patient) == set(patients.patient)


def test_the_same_seed_gives_the_same_split_and_sample(table: Path, tmp_path: Path) -> None:
    one, two = (new_challenge(tmp_path / name, table, "died", "patient", seed=3) for name in ("one", "two"))
    for path in sorted(path for path in one.root.rglob("*.parquet")):
        assert path.read_bytes() == (two.root / path.relative_to(one.root)).read_bytes()


def test_nobody_else_may_read_the_private_half(challenge: ChallengeFolder) -> None:
    assert stat.S_IMODE((challenge.root / "private").stat().st_mode) == 0o700
    assert "/private/" in (challenge.root / ".gitignore").read_text()


def test_the_notebooks_run_on_the_sample_and_on_the_real_tables(challenge: ChallengeFolder, tmp_path: Path) -> None:
    for data in (challenge.sample_dir, challenge.private_dir("development")):
        explore, baseline, improve = run_starters(challenge, data, tmp_path)
        assert explore.prediction.nunique() == 1
        assert baseline.prediction.between(0, 1).all()
        assert improve.prediction.between(0, 1).all()


@pytest.mark.parametrize(
    ("target", "metric", "kind"),
    [
        ([*"abc"], "balanced_accuracy_score", "text"),
        ([1, 2, 3], "balanced_accuracy_score", "text"),
        (["ill", "well"], "roc_auc_score", "number"),
        ([True, False], "roc_auc_score", "number"),
        (None, "r2_score", "number"),
    ],
)
def test_metrics_and_notebooks_follow_the_targets_type(
    patients: pd.DataFrame, tmp_path: Path, target: list[object] | None, metric: str, kind: str
) -> None:
    random = np.random.default_rng(0)
    patients["died"] = random.choice(target, len(patients)) if target else random.normal(100, 40, len(patients))
    patients.to_parquet(tmp_path / "patients.parquet")
    made = new_challenge(tmp_path / "heart", tmp_path / "patients.parquet", "died", "patient")
    assert (made.card.primary.name, made.card.submission.columns["prediction"]) == (metric, kind)
    assert [finding for finding in check_challenge(made) if finding.level == "error"] == []
    assert len(run_starters(made, made.private_dir("final"), tmp_path)) == 3


def test_identifiers_may_be_text(patients: pd.DataFrame, tmp_path: Path) -> None:
    patients["patient"] = "P-" + patients.patient.astype(str)
    patients.to_csv(tmp_path / "p.csv", index=False)
    made = new_challenge(tmp_path / "heart", tmp_path / "p.csv", "died", "patient")
    assert made.card.submission.columns["patient"] == "text"
    assert [finding for finding in check_challenge(made) if finding.level == "error"] == []


def test_notebooks_are_valid_and_named_after_the_kits_kernel(challenge: ChallengeFolder) -> None:
    for path in challenge.notebooks_dir.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert notebook.metadata.kernelspec.name == "pkit-heart"


def spoil(patients: pd.DataFrame, how: str) -> pd.DataFrame:
    match how:
        case "one class":
            patients["died"] = 1
        case "repeated identifiers":
            patients.loc[5, "patient"] = patients.loc[4, "patient"]
        case "no identifier":
            patients["patient"] = patients.patient.astype("Int64")
            patients.loc[5, "patient"] = pd.NA
        case "ten rows":
            return patients.head(10)
        case "no rows":
            return patients.head(0)
        case "no features":
            return patients[["patient", "died"]]
        case "text target":
            patients["died"] = [f"story {number}" for number in range(len(patients))]
    return patients


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("one class", "one value"),
        ("repeated identifiers", "Rows that repeat"),
        ("no identifier", "1 rows have no 'patient'"),
        ("ten rows", "10 rows are too few"),
        ("no rows", "no rows"),
        ("no features", "no column beside"),
        ("text target", "no number and no category"),
    ],
)
def test_a_table_that_makes_no_challenge_says_why_and_leaves_nothing(
    patients: pd.DataFrame, tmp_path: Path, how: str, message: str
) -> None:
    spoil(patients, how).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(KitError, match=message) as raised:
        new_challenge(tmp_path / "heart", tmp_path / "p.csv", "died", "patient")
    assert "story" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.csv", b"\x00\xff\x13" * 99),
        ("p.parquet", b"PAR1"),
        ("p.xlsx", b""),
        ("p.csv", b""),
        ("p.csv", b"patient;died;x\n1;0;2\n"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KitError, match=r"p\.(csv|parquet|xlsx)"):
        new_challenge(tmp_path / "heart", tmp_path / name, "died", "patient")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("target", "identifier", "message"),
    [
        ("dead", "patient", "no column 'dead'. Did you mean died"),
        ("died", "id", "no column 'id'. .*--id"),
        ("died", "died", "both"),
    ],
)
def test_columns_that_are_not_there_are_named(
    table: Path, tmp_path: Path, target: str, identifier: str, message: str
) -> None:
    with pytest.raises(KitError, match=message):
        new_challenge(tmp_path / "heart", table, target, identifier)


def test_a_folder_with_something_in_it_is_left_alone(challenge: ChallengeFolder, table: Path) -> None:
    before = challenge.card_path.read_bytes()
    with pytest.raises(KitError, match="not empty"):
        new_challenge(challenge.root, table, "died", "patient")
    assert challenge.card_path.read_bytes() == before


def test_a_constant_column_and_an_empty_one_do_no_harm(patients: pd.DataFrame, tmp_path: Path) -> None:
    patients["site"], patients["nothing"], patients["half"] = 7, None, 0.5
    patients.to_csv(tmp_path / "p.csv", index=False)
    made = new_challenge(tmp_path / "heart", tmp_path / "p.csv", "died", "patient")
    assert [finding for finding in check_challenge(made) if finding.level == "error"] == []


def test_what_was_found_is_told_in_a_sentence_each_and_the_challenge_works(
    patients: pd.DataFrame, tmp_path: Path
) -> None:
    patients["site"], patients["nothing"] = 7, None
    patients["lead"] = [np.inf, *np.linspace(0.1, 3, 299).round(2)]
    patients["seen"] = pd.date_range("2020-01-01", periods=300).strftime("%m/%d/%Y")
    patients.to_parquet(tmp_path / "p.parquet")
    told: list[str] = []
    made = new_challenge(tmp_path / "heart", tmp_path / "p.parquet", "died", "patient", tell=told.append)
    assert [finding for finding in check_challenge(made) if finding.level == "error"] == []
    for name in ("site", "nothing", "lead", "seen", "ward", "note"):
        assert len([line for line in told if line.partition(":")[0] == name]) == 1, name
    assert "secret" not in str(told)


def test_a_codebook_too_large_to_be_read_is_not_written(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("participant_kit.organizer.scaffold.MAX_DOCUMENT_BYTES", 500)
    with pytest.raises(KitError, match=r"500 at most.*'ward'"):
        new_challenge(tmp_path / "heart", table, "died", "patient")
    assert [path.name for path in tmp_path.iterdir()] == [table.name]

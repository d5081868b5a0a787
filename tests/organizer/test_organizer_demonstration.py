"""The demonstration challenge: real survey data, nothing that gives the answer away, a sample that is no copy."""

from __future__ import annotations

import hashlib
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from cells import run_cells
from sklearn.metrics import roc_auc_score
from support import long

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.organizer.check import check_challenge
from participant_kit.organizer.demonstration.prepare import prepare_demonstration, read_survey
from participant_kit.organizer.synthesize import Guarantee

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> ChallengeFolder:
    return prepare_demonstration(tmp_path_factory.mktemp("demo") / "nhanes-diabetes")


def test_its_folder_has_no_mistakes(demonstration: ChallengeFolder) -> None:
    assert [finding.file for finding in check_challenge(demonstration)] == ["keys.json"]  # made by the data holder


def test_no_column_gives_the_answer_away(demonstration: ChallengeFolder) -> None:
    table = pd.read_parquet(demonstration.private_dir("development") / "train.parquet")
    truth = table.diabetes.astype(int)
    for name in table.columns.drop(["SEQN", "diabetes"]):
        codes = table[name].cat.codes if table[name].dtype == "category" else table[name].astype("float64")
        for values in (codes.fillna(codes.median()), codes.isna()):
            assert 0.25 < roc_auc_score(truth, values) < 0.75, name


def test_its_rows_are_adults_with_a_known_answer() -> None:
    survey = read_survey()
    assert len(survey) == 5098
    assert survey.age.min() == 20
    assert set(survey.diabetes) == {0, 1}
    assert survey.SEQN.is_unique
    assert (survey.diastolic_1.dropna() >= 0).all()
    assert (survey.diastolic_1 == 0).any()  # the source has 5.4e-79 there


def test_the_published_sample_is_private_and_what_it_says_it_is(demonstration: ChallengeFolder) -> None:
    guarantee = Guarantee.model_validate_json((ROOT / "sample_data" / "guarantee.json").read_bytes())
    assert (guarantee.mode, guarantee.epsilon) == ("private", pytest.approx(1))
    for name in ("train", "test"):
        path = ROOT / "sample_data" / f"{name}.parquet"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == guarantee.sha256[name]
        made = pd.read_parquet(demonstration.sample_dir / path.name)
        pd.testing.assert_frame_equal(pd.read_parquet(path).head(0), made.head(0))


def test_notebooks_run_in_what_the_tests_run_in(demonstration: ChallengeFolder) -> None:
    assert demonstration.requirements_path.read_bytes() == (ROOT / "tests" / "requirements.txt").read_bytes()


@pytest.mark.parametrize("name", ["02_baseline", long("03_improve")])
def test_its_notebooks_learn_something_and_warn_of_nothing(
    demonstration: ChallengeFolder, tmp_path: Path, name: str
) -> None:
    notebook = nbformat.read(demonstration.notebooks_dir / f"{name}.ipynb", as_version=4)
    for data in (ROOT / "sample_data", demonstration.private_dir("development")):
        run_cells(notebook, data, tmp_path)
    predictions = pd.read_csv(tmp_path / "predictions.csv").set_index("SEQN").prediction
    labels = pd.read_parquet(demonstration.private_dir("development") / "labels.parquet").set_index("SEQN").diabetes
    assert roc_auc_score(labels.astype(int), predictions[labels.index]) > 0.75

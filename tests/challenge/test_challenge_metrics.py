"""Metrics by name are those of scikit-learn, and are refused where they are not defined."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from participant_kit.challenge.metrics import METRICS
from participant_kit.challenge.ranking import can_rank

TRUTH = [0, 1, 1, 0, 1, 0]
LABEL = [0, 1, 0, 0, 1, 1]
GUESS = [0.1, 0.9, 0.4, 0.3, 0.6, 0.7]
LABELS = [name for name, metric in METRICS.items() if metric.reads == "label"]
PROBABILITIES = [name for name, metric in METRICS.items() if metric.reads == "probability"]


def score(name: str, truth: Any, prediction: Any) -> float:
    return METRICS[name].score(pd.Series(truth), pd.Series(prediction))


@pytest.mark.parametrize("name", METRICS)
def test_a_score_is_that_of_scikit_learn(name: str) -> None:
    prediction = LABEL if name in LABELS else GUESS
    assert score(name, TRUTH, prediction) == pytest.approx(getattr(sklearn_metrics, name)(TRUTH, prediction))


@pytest.mark.parametrize("name", METRICS)
def test_which_way_is_up_is_told_truly(name: str) -> None:
    perfect, wrong = TRUTH, [1 - value for value in TRUTH]
    better = score(name, TRUTH, perfect) > score(name, TRUTH, wrong)
    assert better == METRICS[name].higher_is_better


@pytest.mark.parametrize("name", PROBABILITIES)
@pytest.mark.parametrize(
    "truth",
    [
        pd.Series(TRUTH, dtype="Int64"),
        pd.Series(TRUTH, dtype="boolean"),
        [float(value) for value in TRUTH],
        [value == 1 for value in TRUTH],
        [value + 7 for value in TRUTH],
        pd.Categorical(["no" if value == 0 else "ill" for value in TRUTH], ["no", "ill"]),
    ],
)
def test_the_greater_class_is_the_positive_one(name: str, truth: Any) -> None:
    assert score(name, truth, GUESS) == pytest.approx(score(name, TRUTH, GUESS))


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("kind", ["int64", "float64", "str"])
@pytest.mark.parametrize("truth", ["Int64", "boolean", "float64", "category"])
def test_a_label_is_the_same_label_in_every_type(name: str, truth: str, kind: str) -> None:
    if (truth, kind) == ("boolean", "str"):
        prediction = pd.Series(LABEL).astype(bool).astype(str)
    else:
        prediction = pd.Series(LABEL).astype(kind)
    true = pd.Series(TRUTH).astype(str).astype("category") if truth == "category" else pd.Series(TRUTH, dtype=truth)
    assert score(name, true, prediction) == pytest.approx(score(name, TRUTH, LABEL))


def test_labels_between_two_whole_numbers_are_not_rounded() -> None:
    assert score("accuracy_score", [1, 2], [1.4, 2.0]) == 0.0


@pytest.mark.parametrize("name", PROBABILITIES)
@pytest.mark.parametrize("truth", [[1, 1, 1], [0, 1, 2], []])
def test_a_probability_needs_two_classes(name: str, truth: list[int]) -> None:
    with pytest.raises(ValueError, match=f"two classes, found {len(set(truth))}"):
        score(name, truth, [0.5] * len(truth))


def test_a_score_that_comes_out_as_no_number_is_refused() -> None:
    one_class = pd.Categorical(["no"] * 3, ["no", "ill"])
    with warnings.catch_warnings(), pytest.raises(ValueError, match="not defined"):
        warnings.simplefilter("ignore")
        score("roc_auc_score", one_class, [0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("name", "prediction"),
    [
        ("brier_score_loss", [0.5, 7]),
        ("log_loss", [0.5, -1]),
        ("roc_auc_score", ["high", "low"]),
        ("mean_squared_error", ["high", "low"]),
        ("r2_score", [float("nan"), 1.0]),
    ],
)
def test_predictions_that_a_metric_cannot_read_are_a_value_error(name: str, prediction: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        score(name, [0, 1], prediction)


def rows_of(kind: str) -> tuple[Any, Any]:
    """Truth and scores of many rows."""
    chance = np.random.default_rng(1)
    truth, score = chance.integers(0, 2, 2000), chance.random(2000)
    score += 0.2 * truth
    if kind == "few values":
        score = score.round(1)
    elif kind == "neighbours":  # which differ in their last bit alone
        score = np.nextafter(0.5, score.round())
    elif kind == "zeros of both signs":
        score = np.where(score > 0.6, 0.0, -0.0)
    elif kind == "almost one class":
        truth = np.append(np.zeros(1999, int), 1)
    elif kind == "almost two":
        score = score.clip(0, 1) * np.nextafter(2, 0)
    elif kind == "tiny":
        score *= 1e-308
    elif kind == "no probabilities":
        score = (score - 0.5) * 1e6
    elif kind == "perfect":
        score = truth / 3
    elif kind == "all the same":
        score = np.full(2000, 0.25)
    return truth, score


@pytest.mark.parametrize("name", ["roc_auc_score", "average_precision_score"])
@pytest.mark.parametrize(
    "kind",
    ["any", "few values", "neighbours", "zeros of both signs", "almost one class", "almost two", "tiny",
     "no probabilities", "perfect", "all the same"],
)  # fmt: skip
def test_ranks_are_scored_to_the_last_bit_as_by_scikit_learn(name: str, kind: str) -> None:
    truth, values = rows_of(kind)
    assert score(name, truth, values) == getattr(sklearn_metrics, name)(truth, values)
    assert can_rank(truth, values) == (kind != "no probabilities")

"""What the sample is good for: models that learn from it, scored on real rows or on the sample itself."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from participant_kit.challenge.bins import numbers
from participant_kit.challenge.card import Card
from participant_kit.challenge.codebook import Codebook
from participant_kit.challenge.metrics import METRICS
from participant_kit.organizer.report.interval import (
    SEED,
    Figures,
    Floats,
    Interval,
    area_under_curve,
    interval,
    row_weights,
)

MAX_CLASSES = 30
"""A target of more classes is not modelled."""
MAX_LEVELS = 50
"""Levels of a category that a model tells apart; the others are one to it."""
FOLDS = 5
"""Parts of the sample, for cross-validation on itself."""
MIN_ROWS = 10
"""Fewer rows than these teach nothing."""

MetricName = Literal["AUC", "balanced accuracy", "R²"]
Weigh = Callable[[Floats], float]


class ModelFigures(Figures):
    """One model on the same real test rows.

    ``ratio``: of the score learned on the sample to the other, where that is more than chance.
    """

    model: str
    on_synthetic: Interval | None
    on_real: Interval | None
    ratio: Interval | None


class Usefulness(Figures):
    """Learning on the sample against learning on real rows, both scored on ``test_rows`` real rows.

    ``chance`` is the score of who knows nothing. ``reason`` says why there are no models, where there are none.
    """

    metric: MetricName | None = None
    chance: float = 0.0
    synthetic_rows: int = 0
    real_rows: int = 0
    test_rows: int = 0
    models: tuple[ModelFigures, ...] = ()
    reason: str = ""


class OwnScore(Figures):
    """One model, cross-validated on the sample."""

    model: str
    score: Interval | None


class OwnUsefulness(Figures):
    """How well the sample's target can be told from its other columns."""

    metric: MetricName | None = None
    rows: int = 0
    scores: tuple[OwnScore, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Problem:
    """What is to be learned: ``classes`` in ascending order, or None for a number."""

    target: str
    inputs: list[str]
    classes: list[Any] | None

    @property
    def metric(self) -> MetricName:
        """The score: AUC for two classes, balanced accuracy for several, R² for numbers."""
        if self.classes is None:
            return "R²"
        return "AUC" if len(self.classes) == 2 else "balanced accuracy"

    @property
    def chance(self) -> float:
        """The score of who knows nothing of a row."""
        return 1 / len(self.classes) if self.classes else 0.0

    def truth(self, table: pd.DataFrame) -> Floats:
        """The target of each row: the position of its class, or its number; NaN where it is missing."""
        values = table[self.target]
        if self.classes is None:
            return numbers(values)
        position = pd.Index(self.classes).get_indexer(pd.Index(values.astype(object)))
        return np.where(position < 0, np.nan, position).astype(np.float64)

    def weigh(self, truth: Floats, prediction: Floats) -> Weigh:
        """The score of ``prediction`` as a function of row weights, both of shape (rows,); NaN where undefined."""
        if self.metric == "AUC":
            return area_under_curve(truth == 1, prediction)
        return _balanced_accuracy(truth, prediction) if self.classes is not None else _r2(truth, prediction)


def problem_of(card: Card, codebook: Codebook, tables: Sequence[pd.DataFrame]) -> Problem:
    """What is learned of ``tables``: everything but the identifier and text is given, and the card's metric says
    whether the target is a class or a number."""
    data, target = card.data, codebook.columns[card.data.target]
    inputs = [name for name, column in codebook.columns.items() if name != data.target and column.type != "text"]
    inputs = [name for name in inputs if name != data.identifier]
    if target.type == "category":
        return Problem(data.target, inputs, list(target.level_names))
    if target.type == "boolean":
        return Problem(data.target, inputs, [False, True])
    by_name = METRICS.get(card.primary.name)
    is_class = by_name.reads != "value" if by_name else (target.minimum, target.maximum) == (0, 1)
    if target.type != "integer" or not is_class:
        return Problem(data.target, inputs, None)
    return Problem(
        data.target, inputs, sorted({int(v) for table in tables for v in table[data.target].dropna().unique()})
    )


def usefulness(problem: Problem, synthetic: pd.DataFrame, real: pd.DataFrame, test: pd.DataFrame) -> Usefulness:
    """Train on ``synthetic`` and on ``real``, test on ``test`` (Esteban, Hyland and Rätsch 2017: TSTR).

    The intervals are over the test rows alone: the models are not learned again.
    """
    synthetic, real, test = (table[~np.isnan(problem.truth(table))] for table in (synthetic, real, test))
    sizes: Any = {"synthetic_rows": len(synthetic), "real_rows": len(real), "test_rows": len(test)}
    if reason := _no_models(problem, synthetic, real, test):
        return Usefulness(reason=reason, **sizes)
    truth, models = problem.truth(test), []
    weights = list(row_weights(len(test)))
    for name, make in _MODELS.items():
        weigh = [problem.weigh(truth, _predict(make, problem, train, test)) for train in (synthetic, real)]
        even = np.ones(len(test))
        values = [score(even) for score in weigh]
        drawn = [np.array([score(weight) for weight in weights]) for score in weigh]
        on_synthetic, on_real = map(interval, values, drawn)
        ratio = None
        if on_real and on_real.low > problem.chance:
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = interval(values[0] / values[1], np.where(drawn[1] > 0, drawn[0] / drawn[1], np.nan))
        models.append(ModelFigures(model=name, on_synthetic=on_synthetic, on_real=on_real, ratio=ratio))
    return Usefulness(metric=problem.metric, chance=problem.chance, models=tuple(models), **sizes)


def own_usefulness(problem: Problem, sample: pd.DataFrame) -> OwnUsefulness:
    """Cross-validate on ``sample`` itself, each row predicted by a model that did not see it."""
    sample = sample[~np.isnan(problem.truth(sample))].reset_index(drop=True)
    if reason := _no_models(problem, sample):
        return OwnUsefulness(rows=len(sample), reason=reason)
    truth = problem.truth(sample)
    fold = np.random.default_rng(SEED).permutation(len(sample)) % FOLDS
    weights, scores = list(row_weights(len(sample))), []
    for name, make in _MODELS.items():
        prediction = np.empty(len(sample))
        for number in range(FOLDS):
            held = fold == number
            prediction[held] = _predict(make, problem, sample[~held], sample[held])
        weigh = problem.weigh(truth, prediction)
        value = weigh(np.ones(len(sample)))
        scores.append(OwnScore(model=name, score=interval(value, [weigh(weight) for weight in weights])))
    return OwnUsefulness(metric=problem.metric, rows=len(sample), scores=tuple(scores))


def _no_models(problem: Problem, *tables: pd.DataFrame) -> str:
    """Why nothing can be learned, or an empty text."""
    if problem.classes is not None and not 2 <= len(problem.classes) <= MAX_CLASSES:
        return f"the target has {len(problem.classes)} classes, and models are made for 2 to {MAX_CLASSES}"
    if min(map(len, tables)) < MIN_ROWS:
        return f"fewer than {MIN_ROWS} rows have a target to learn from or to be scored on"
    last = problem.truth(tables[-1])
    if len(np.unique(last)) < 2:
        return "the target is the same in all rows that models are scored on"
    return "" if problem.inputs else "no column is left to learn from"


def _predict(make: Callable[..., Any], problem: Problem, train: pd.DataFrame, test: pd.DataFrame) -> Floats:
    """The score of the greater class, the position of a class, or a number, for each row of ``test``."""
    truth = problem.truth(train)
    inputs, is_category = _inputs(problem, train)
    kept = np.array([len(np.unique(column)) > 1 for column in inputs.T])  # NaN counts as one value
    if len(np.unique(truth)) < 2 or not kept.any():
        middle = truth.mean() if problem.metric != "balanced accuracy" else np.bincount(truth.astype(int)).argmax()
        return np.full(len(test), float(middle))
    model = make(is_category[kept], problem.classes is not None)
    with warnings.catch_warnings(), threadpool_limits(1):  # threads that wait for a busy machine take far longer
        warnings.simplefilter("ignore")  # of levels never seen and of steps not taken: scores tell what it did
        model.fit(inputs[:, kept], truth)
        asked = _inputs(problem, test)[0][:, kept]
        if problem.metric == "AUC":
            return np.asarray(model.predict_proba(asked)[:, 1], dtype=np.float64)
        return np.asarray(model.predict(asked), dtype=np.float64)


def _inputs(problem: Problem, table: pd.DataFrame) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Numbers as they are with NaN for missing, positions of levels with -1 for it; and which columns are levels."""
    columns, is_category = [], []
    for name in problem.inputs:
        category = isinstance(table[name].dtype, pd.CategoricalDtype)
        is_category.append(category)
        columns.append(table[name].cat.codes.to_numpy(dtype=np.float64) if category else numbers(table[name]))
    return np.column_stack(columns), np.array(is_category)


def _linear(is_category: npt.NDArray[np.bool_], is_class: bool) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    filled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    levels = OneHotEncoder(max_categories=MAX_LEVELS, handle_unknown="infrequent_if_exist", sparse_output=False)
    parts = [("numbers", filled, np.flatnonzero(~is_category)), ("levels", levels, np.flatnonzero(is_category))]
    model = LogisticRegression(C=0.1, max_iter=200) if is_class else Ridge(alpha=10.0)
    return make_pipeline(ColumnTransformer([part for part in parts if len(part[2])]), model)


def _boosting(is_category: npt.NDArray[np.bool_], is_class: bool) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    levels = OrdinalEncoder(max_categories=MAX_LEVELS, handle_unknown="use_encoded_value", unknown_value=np.nan)
    ordered = ColumnTransformer(
        [("levels", levels, np.flatnonzero(is_category)), ("numbers", "passthrough", np.flatnonzero(~is_category))]
    )
    kind = HistGradientBoostingClassifier if is_class else HistGradientBoostingRegressor
    categories = list(range(int(is_category.sum())))
    model = kind(max_iter=80, learning_rate=0.08, max_leaf_nodes=15, categorical_features=categories, random_state=SEED)
    return make_pipeline(ordered, model)


_MODELS: dict[str, Callable[..., Any]] = {"linear": _linear, "gradient boosting": _boosting}


def _balanced_accuracy(truth: Floats, prediction: Floats) -> Weigh:
    right, place = truth == prediction, truth.astype(np.int64)

    def score(weights: Floats) -> float:
        sizes = np.bincount(place, weights)
        found = np.bincount(place, weights * right)
        return float((found[sizes > 0] / sizes[sizes > 0]).mean())

    return score


def _r2(truth: Floats, prediction: Floats) -> Weigh:
    def score(weights: Floats) -> float:
        mean = np.average(truth, weights=weights)
        spread = float((weights * (truth - mean) ** 2).sum())
        return 1 - float((weights * (truth - prediction) ** 2).sum()) / spread if spread else math.nan

    return score

"""Metrics by their scikit-learn names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["probability", "label", "value"]


@dataclass(frozen=True)
class NamedMetric:
    """A function of ``sklearn.metrics``: what it reads and which way is up."""

    name: str
    reads: Kind
    higher_is_better: bool

    def score(self, truth: pd.Series[Any], prediction: pd.Series[Any]) -> float:
        """The score of ``prediction`` against ``truth``, both of shape (rows,), aligned by position.

        ``probability`` metrics read a truth of two classes, the greater of which is positive (1, true, or
        the second level of a category). Raises ``ValueError`` when the metric is not defined on them.
        """
        from sklearn import metrics

        from participant_kit.challenge.ranking import RANKED, can_rank

        function = getattr(metrics, self.name)
        if self.reads == "probability":
            classes = _classes(truth)
            # small, because scikit-learn looks through them again and again
            positive, chance = (truth == classes[1]).to_numpy("int8"), prediction.astype(float).to_numpy("float64")
            if self.name in RANKED and can_rank(positive, chance):
                function = RANKED[self.name]
            score = float(function(positive, chance))
        elif self.reads == "label":
            if truth.dtype.kind == "b" and prediction.dtype.kind in "if":
                truth = truth.astype(int)
            score = float(function(_labels(truth), _labels(prediction)))
        else:
            score = float(function(truth.astype(float), prediction.astype(float)))
        if not math.isfinite(score):
            raise ValueError(f"{self.name} is not defined here")
        return score


def _labels(values: pd.Series[Any]) -> pd.Series[Any]:
    """Labels as text, in which the whole number 1.0 is the same label as the integer 1."""
    if values.dtype.kind == "f" and ((values % 1 == 0) & (values.abs() < 2**53)).all():
        values = values.astype("int64")
    return values.astype(str)


def _classes(truth: pd.Series[Any]) -> list[Any]:
    levels = truth.cat.categories if hasattr(truth, "cat") else sorted(truth.unique())
    if len(levels) != 2:
        raise ValueError(f"a probability metric needs a target of two classes, found {len(levels)}")
    return list(levels)


METRICS: dict[str, NamedMetric] = {
    metric.name: metric
    for metric in (
        NamedMetric("roc_auc_score", "probability", True),
        NamedMetric("average_precision_score", "probability", True),
        NamedMetric("brier_score_loss", "probability", False),
        NamedMetric("log_loss", "probability", False),
        NamedMetric("accuracy_score", "label", True),
        NamedMetric("balanced_accuracy_score", "label", True),
        NamedMetric("matthews_corrcoef", "label", True),
        NamedMetric("cohen_kappa_score", "label", True),
        NamedMetric("r2_score", "value", True),
        NamedMetric("mean_squared_error", "value", False),
        NamedMetric("root_mean_squared_error", "value", False),
        NamedMetric("mean_absolute_error", "value", False),
        NamedMetric("median_absolute_error", "value", False),
    )
}
"""Every metric a card may name. Others come as a scoring program."""

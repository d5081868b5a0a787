"""A figure with its uncertainty: what it would have been on other rows, by the bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

RESAMPLES = 300
"""How often rows are drawn again."""
LEVEL = 0.95
"""The share of resamples that lie inside an interval."""
SEED = 20_260_101
"""Of everything in a report that is random."""

Floats = npt.NDArray[np.float64]


class Figures(BaseModel):
    """Base of everything that a report holds: it does not change once it is made."""

    model_config = ConfigDict(frozen=True)


class Interval(Figures):
    """A figure, and the bounds between which 95% of the resamples lie."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def holds(self, value: float) -> bool:
        """Whether ``value`` is inside."""
        return self.low <= value <= self.high


def row_weights(rows: int, *, seed: int = SEED) -> Iterator[Floats]:
    """How often each of ``rows`` rows is drawn, shape (rows,), for each resample (Efron 1979)."""
    random = np.random.default_rng([seed, rows])
    for _ in range(RESAMPLES):
        yield random.multinomial(rows, np.full(rows, 1 / rows)).astype(np.float64)


def interval(value: float, resampled: Sequence[float] | Floats) -> Interval | None:
    """``value`` between the quantiles of ``resampled``; None where it is not a number.

    Resamples in which the figure is not defined are left out.
    """
    known = np.asarray(resampled, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not np.isfinite(value) or not len(known):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value=round(float(value), 4), low=round(float(low), 4), high=round(float(high), 4))


def area_under_curve(positive: npt.NDArray[np.bool_], score: Floats) -> Callable[[Floats], float]:
    """A function of row weights, shape (rows,): the area under the ROC curve, ties by half; NaN for one class alone.

    Sorting is done once, so that each resample costs no more than a pass over the rows.
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))  # of each run of equal scores
    positive = positive[order]

    def area(weights: Floats) -> float:
        ups = np.add.reduceat(np.where(positive, weights[order], 0.0), starts)
        downs = np.add.reduceat(np.where(positive, 0.0, weights[order]), starts)
        total = ups.sum() * downs.sum()
        return float((ups * (downs.cumsum() - downs / 2)).sum() / total) if total else float("nan")

    return area


def subsample(table: Any, rows: int) -> Any:
    """``table`` itself, or ``rows`` of its rows drawn at random, in their order."""
    if len(table) <= rows:
        return table
    chosen = np.random.default_rng([SEED, len(table)]).choice(len(table), rows, replace=False)
    return table.iloc[np.sort(chosen)].reset_index(drop=True)

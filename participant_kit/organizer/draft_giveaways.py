"""Columns that tell the target almost by themselves: usually known only when the target is, as a date of death."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from participant_kit.challenge.codebook import Column

TELLING = 0.8
"""A column that removes this share of the errors, or of the variance, of a guess without it tells the target."""
GROUP_ROWS = 20
"""Numbers and dates are looked at in groups of at least so many rows,"""
MAX_GROUPS = 50
"""and in no more groups than these."""
LOOKED_AT = 50_000
"""Of more rows than these, so many are looked at."""


def find_giveaways(frame: pd.DataFrame, columns: Mapping[str, Column], identifier: str, target: str) -> Iterator[str]:
    """The columns of ``frame``, shape (rows, columns), each of which almost tells the target, also by being missing.

    Measured for classes by the share of errors that knowing the column removes (lambda of L. A. Goodman and
    W. H. Kruskal, 1954), for a number by the share of variance of its ranks (the correlation ratio, squared).
    """
    if len(frame) > LOOKED_AT:
        frame = frame.sample(LOOKED_AT, random_state=0)
    numeric = columns[target].type in ("number", "integer") and frame[target].nunique() > 2
    truth = frame[target].rank().to_numpy() if numeric else pd.factorize(frame[target])[0]
    for name in columns:
        if name in (identifier, target):
            continue
        groups = _groups(frame[name])
        told = _variance_told(truth, groups) if numeric else _errors_told(truth, groups)
        if told >= TELLING:
            yield name


def _groups(values: pd.Series[Any]) -> npt.NDArray[np.intp]:
    """A group for each row: those of about equal numbers or dates, those of one level, and those without a value."""
    most = int(np.clip(len(values) // GROUP_ROWS, 1, MAX_GROUPS))
    if values.dtype == "string" and values.nunique() > most:
        values = values.notna()  # of free text, whether there is any
    elif values.nunique() > most:
        values = values.rank(pct=True) * most * (1 - 1e-9) // 1
    groups: npt.NDArray[np.intp] = pd.factorize(values, use_na_sentinel=False)[0]
    return groups


def _errors_told(classes: npt.NDArray[Any], groups: npt.NDArray[np.intp]) -> float:
    counts = pd.crosstab(groups, classes).to_numpy()
    without = len(classes) - counts.sum(axis=0).max()
    return float(1 - (len(classes) - counts.max(axis=1).sum()) / without) if without else 0.0


def _variance_told(numbers: npt.NDArray[Any], groups: npt.NDArray[np.intp]) -> float:
    total = float(((numbers - numbers.mean()) ** 2).sum())
    rows = np.bincount(groups)
    means = np.bincount(groups, weights=numbers) / rows
    return float((rows * (means - numbers.mean()) ** 2).sum()) / total if total else 0.0

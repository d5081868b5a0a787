"""The bins that a column's values are counted in, so that two tables of it can be compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from participant_kit.challenge.codebook import Column

BINS = 20
"""Bins of a number or a date, at most."""
LEVELS = 12
"""Levels of a category; the less frequent ones of a longer list are counted as one."""
GROUPS = 5
"""Bins of a column in a pair of columns, so that each pair of them still has rows."""
_NARROW = 0.25
"""Values on less than this share of the codebook's bounds are looked at more closely."""

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bins:
    """Bins 0 to ``size - 1`` of a column, and ``size`` for missing.

    ``edges``, shape (size + 1,), of a number or date (days since 1970); what lies beyond the outer ones is in the
    outer bins. ``levels``: for a category, the bin of each level.
    """

    column: Column
    labels: list[str]
    edges: Floats | None = None
    levels: Codes | None = None
    is_narrow: bool = False

    @property
    def size(self) -> int:
        """Bins that are not the missing one."""
        return len(self.labels)

    @cached_property
    def ends(self) -> tuple[str, str] | None:
        """The outer edges as text."""
        if self.edges is None:
            return None
        last = self.edges[-1] if self.column.type == "number" else self.edges[-1] - 1
        return _text(self.edges[0], self.column), _text(last, self.column)

    def codes(self, values: pd.Series[Any]) -> Codes:
        """The bin of each of ``values``, shape (rows,), which have the codebook's dtype."""
        if self.edges is not None:
            number = numbers(values)
            found = np.searchsorted(self.edges[1:-1], number, side="right")
            return np.where(np.isnan(number), self.size, found)
        if self.column.type == "text":
            return np.where(values.isna(), self.size, 0)
        position = values.cat.codes.to_numpy() if self.levels is not None else _boolean_codes(values)
        table = np.append(np.arange(2) if self.levels is None else self.levels, self.size)
        return np.asarray(table[position])  # and -1, for missing, is the last

    def shares(self, values: pd.Series[Any]) -> Floats:
        """The share of ``values`` in each bin, the missing one last, shape (size + 1,); zeros for no rows."""
        counts = np.bincount(self.codes(values), minlength=self.size + 1)
        return counts / max(len(values), 1)


def as_number(value: Any) -> float:
    """A bound or edge of the codebook: itself, or a date as days since 1970."""
    return float((value - date(1970, 1, 1)).days) if isinstance(value, date) else float(value)


def numbers(values: pd.Series[Any]) -> Floats:
    """``values`` of any numeric dtype, booleans or dates (as days since 1970), NaN for missing and for infinite."""
    if pd.api.types.is_datetime64_dtype(values):
        days = values.to_numpy(dtype="datetime64[D]")
        return np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(np.float64))
    number = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(number), number, np.nan)


def fine_bins(column: Column, reference: pd.Series[Any]) -> Bins:
    """Up to 20 bins of equal width between the codebook's bounds, or its levels, the most frequent ones apart.

    Where nearly all values of ``reference`` lie on a small part of the bounds, the bins divide that part.
    """
    if column.minimum is None:
        return _level_bins(column, reference, LEVELS)
    bounds = low, high = as_number(column.minimum), as_number(column.maximum)
    known = numbers(reference)
    known = known[~np.isnan(known)]
    if len(known):
        first, last = np.quantile(known, [0.01, 0.99], method="nearest")
        if 0 < last - first < _NARROW * (high - low):
            low, high = max(low, first), min(high, last)
    if column.type == "number":
        edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low, low])
    else:
        width = math.ceil((high - low + 1) / BINS)
        edges = np.append(np.arange(low, high + 1, width), high + 1)
    return _edge_bins(column, edges, is_narrow=(low, high) != bounds)


def coarse_bins(column: Column, reference: pd.Series[Any]) -> Bins:
    """About five bins with as many rows of ``reference`` each, or the four most frequent levels and the others."""
    if column.minimum is None:
        return _level_bins(column, reference, GROUPS)
    known = numbers(reference)
    different = np.unique(known[~np.isnan(known)])
    cuts = different
    if len(different) > GROUPS:
        cuts = np.unique(np.nanquantile(known, np.arange(1, GROUPS) / GROUPS, method="nearest"))
        cuts[0] = max(cuts[0], different[1])  # else the first bin would be empty
    return _edge_bins(column, np.concatenate([[-np.inf], cuts[-GROUPS + 1 :], [np.inf]]))


def _edge_bins(column: Column, edges: Floats, *, is_narrow: bool = False) -> Bins:
    last = edges[1:] if column.type == "number" else edges[1:] - 1
    spans = [
        _text(low, column) if low == high else f"{_text(low, column)} to {_text(high, column)}"
        for low, high in zip(edges, last, strict=False)
    ]
    return Bins(column, spans, edges=edges, is_narrow=is_narrow)


def _level_bins(column: Column, reference: pd.Series[Any], most: int) -> Bins:
    if column.type == "boolean":
        return Bins(column, ["false", "true"])
    if column.type != "category":
        return Bins(column, ["text"])
    names = column.level_names
    if len(names) <= most:
        return Bins(column, names, levels=np.arange(len(names)))
    position = reference.cat.codes.to_numpy()
    counts = np.bincount(position[position >= 0], minlength=len(names))
    kept = np.sort(np.argsort(-counts, kind="stable")[: most - 1])
    levels = np.full(len(names), most - 1)
    levels[kept] = np.arange(most - 1)
    return Bins(column, [*(names[index] for index in kept), f"{len(names) - most + 1} others"], levels=levels)


def _boolean_codes(values: pd.Series[Any]) -> Codes:
    return np.asarray(values.astype("Int8").fillna(-1), dtype=np.int64)


def _text(number: float, column: Column) -> str:
    if column.type == "date" and math.isfinite(number):
        return str(np.datetime64(int(number), "D"))
    return f"{number:.4g}" if abs(number) < 10_000 or not number.is_integer() else f"{number:.0f}"

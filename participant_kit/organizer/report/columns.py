"""Each column by itself: how its values are spread, in one table or in two side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp  # type: ignore[import-untyped]

from participant_kit.challenge.bins import Bins, fine_bins, numbers
from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.table import days_between
from participant_kit.organizer.report.interval import Figures, Floats
from participant_kit.organizer.synthesize.coding import interval_of


class Spread(Figures):
    """How one table's values of a column are spread: the share of all rows in each bin, and of the missing ones."""

    shares: list[float]
    missing: float


class ColumnFigures(Figures):
    """One column. ``spreads`` by table, ``labels`` of its bins; ``ends``: the outer edges, where bins are spans.

    ``is_narrow``: the bins divide a part of the codebook's bounds, and the outer ones hold what lies beyond.
    ``total_variation``: between the two tables, on the bins, missing being one; ``kolmogorov_smirnov`` of the values
    that are not missing, for numbers and dates. Both in [0, 1]; None where there are no two tables, or no values.
    """

    name: str
    type: str
    unit: str
    description: str
    labels: list[str]
    ends: tuple[str, str] | None
    is_narrow: bool
    spreads: dict[str, Spread]
    total_variation: float | None = None
    kolmogorov_smirnov: float | None = None


def total_variation(first: Floats, second: Floats) -> float:
    """Half the sum of absolute differences of two distributions: the share of rows that would have to change."""
    return float(np.abs(first - second).sum() / 2)


def column_figures(codebook: Codebook, names: Sequence[str], tables: Mapping[str, pd.DataFrame]) -> list[ColumnFigures]:
    """Figures of each of the columns ``names`` in one table, or in two; the first one decides on the bins.

    After a date that counts from another one come those of the days between.
    """
    result = []
    for name in names:
        column = codebook.columns[name]
        result.append(_figures(name, column, {key: table[name] for key, table in tables.items()}))
        if column.since:
            first = column.since.column
            days = {key: days_between(table[first], table[name]) for key, table in tables.items()}
            result.append(_figures(f"{name} since {first}", interval_of(column, column.since), days))
    return result


def _figures(name: str, column: Column, values: Mapping[str, pd.Series[Any]]) -> ColumnFigures:
    present = list(values.values())
    bins = fine_bins(column, present[0])
    shares = [bins.shares(one) for one in present]
    two = len(present) == 2 and all(map(len, present))
    return ColumnFigures(
        name=name,
        type=column.type,
        unit=column.unit,
        description=column.description,
        labels=bins.labels,
        ends=bins.ends,
        is_narrow=bins.is_narrow,
        spreads=dict(zip(values, map(_spread, shares), strict=True)),
        total_variation=round(total_variation(*shares), 4) if two else None,
        kolmogorov_smirnov=_kolmogorov_smirnov(bins, *present) if two else None,
    )


def _spread(shares: Floats) -> Spread:
    return Spread(shares=shares[:-1].round(4).tolist(), missing=round(float(shares[-1]), 4))


def _kolmogorov_smirnov(bins: Bins, first: pd.Series[Any], second: pd.Series[Any]) -> float | None:
    if bins.edges is None:
        return None
    known = [values[~np.isnan(values)] for values in map(numbers, (first, second))]
    if not all(map(len, known)):
        return None
    return round(float(ks_2samp(*known, method="asymp").statistic), 4)

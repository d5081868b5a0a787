"""Columns two by two: their joint distributions, and how strongly they go together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from participant_kit.challenge.bins import Bins, coarse_bins
from participant_kit.challenge.codebook import Codebook
from participant_kit.organizer.report.interval import Figures, Floats

MAX_COLUMNS = 300
"""More columns are not paired; those most related to the target are."""
MAP_COLUMNS = 30
"""Columns of the map of associations."""
SHOWN = 20
"""Pairs that are listed by name."""


class Pair(Figures):
    """Two columns: the total variation distance of their joint distribution, and Cramér's V in each table."""

    first: str
    second: str
    total_variation: float | None = None
    real: float | None = None
    synthetic: float


class AssociationMap(Figures):
    """Cramér's V of the columns ``names`` two by two, shape (columns, columns), by table."""

    names: list[str]
    tables: dict[str, list[list[float]]]


class PairFigures(Figures):
    """All pairs of ``columns`` columns: quantiles of their total variation distances, and the ``worst``.

    ``of_real`` is the mean distance of as many other real rows, the held-out ones: what chance alone gives.
    """

    columns: int
    pairs: int
    mean: float
    median: float
    ninth_decile: float
    highest: float
    of_real: float | None
    of_real_rows: int
    worst: list[Pair]
    map: AssociationMap


class StrongPairs(Figures):
    """The pairs of one table that go together most."""

    strongest: list[Pair]
    map: AssociationMap


class Joint:
    """Two-way marginals of all pairs of columns at once: blocks of one matrix, shape (all bins, all bins)."""

    def __init__(self, bins: Sequence[Bins]) -> None:
        self.bins = bins
        sizes = np.array([each.size + 1 for each in bins], dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self.width = int(sizes.sum())

    def shares(self, table: pd.DataFrame, names: Sequence[str]) -> npt.NDArray[np.float32]:
        """The share of rows of ``table`` in each pair of bins."""
        ones = np.zeros((len(table), self.width), dtype=np.float32)
        rows = np.arange(len(table))
        for name, bins, start in zip(names, self.bins, self.starts, strict=True):
            ones[rows, start + bins.codes(table[name])] = 1
        return (ones.T @ ones) / np.float32(max(len(table), 1))

    def blocks(self, matrix: npt.NDArray[np.float32]) -> Floats:
        """The sum over each pair's block of ``matrix``, shape (columns, columns)."""
        rows: npt.NDArray[np.float32] = np.add.reduceat(matrix, self.starts, 0)
        return np.asarray(np.add.reduceat(rows, self.starts, 1), dtype=np.float64)

    def associations(self, shares: npt.NDArray[np.float32], rows: int) -> Floats:
        """Cramér's V of each pair, in [0, 1], corrected for what chance gives (Bergsma 2013)."""
        alone = np.diag(shares)
        expected = np.outer(alone, alone)
        square = np.divide(shares**2, expected, out=np.zeros_like(shares), where=expected > 0)
        used = np.add.reduceat((alone > 0).astype(np.float64), self.starts)
        free, others = np.maximum(used - 1, 0), max(rows - 1, 1)
        found = np.maximum(self.blocks(square) - 1 - np.outer(free, free) / others, 0)
        corrected = np.maximum(free - free**2 / others, 0)
        most = np.minimum.outer(corrected, corrected)
        ratio: Floats = np.divide(found, most, out=np.zeros_like(found), where=most > 1e-9)
        return np.sqrt(np.minimum(ratio, 1))


def pair_figures(
    codebook: Codebook,
    names: Sequence[str],
    target: str,
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    held_out: pd.DataFrame,
) -> PairFigures | None:
    """Compare all pairs of the columns ``names`` of two tables; None for fewer than two columns, or no rows."""
    names = paired_columns(codebook, names, target, real)
    if len(names) < 2 or not len(real) or not len(synthetic):
        return None
    joint = Joint([coarse_bins(codebook.columns[name], real[name]) for name in names])
    of_real, of_synthetic = joint.shares(real, names), joint.shares(synthetic, names)
    distance = joint.blocks(np.abs(of_real - of_synthetic)) / 2
    strengths = {
        "real": joint.associations(of_real, len(real)),
        "synthetic": joint.associations(of_synthetic, len(synthetic)),
    }
    above = np.triu_indices(len(names), 1)
    distances = distance[above]
    worst = [
        Pair(
            first=names[above[0][index]],
            second=names[above[1][index]],
            total_variation=round(float(distances[index]), 4),
            **{table: round(float(strength[above][index]), 4) for table, strength in strengths.items()},
        )
        for index in np.argsort(-distances, kind="stable")[:SHOWN]
    ]
    others = held_out.iloc[: len(synthetic)]
    chance = joint.blocks(np.abs(of_real - joint.shares(others, names)))[above] / 2
    return PairFigures(
        columns=len(names),
        pairs=len(distances),
        mean=round(float(distances.mean()), 4),
        median=round(float(np.median(distances)), 4),
        ninth_decile=round(float(np.quantile(distances, 0.9)), 4),
        highest=round(float(distances.max()), 4),
        of_real=round(float(chance.mean()), 4) if len(others) else None,
        of_real_rows=len(others),
        worst=worst,
        map=_map(names, target, strengths),
    )


def strong_pairs(codebook: Codebook, names: Sequence[str], target: str, table: pd.DataFrame) -> StrongPairs | None:
    """The strongest pairs of the columns ``names`` of one table; None for fewer than two columns, or no rows."""
    names = paired_columns(codebook, names, target, table)
    if len(names) < 2 or not len(table):
        return None
    joint = Joint([coarse_bins(codebook.columns[name], table[name]) for name in names])
    strength = joint.associations(joint.shares(table, names), len(table))
    first, second = np.triu_indices(len(names), 1)
    strongest = [
        Pair(first=names[first[index]], second=names[second[index]], synthetic=round(float(value), 4))
        for index in np.argsort(-strength[first, second], kind="stable")[:SHOWN]
        if (value := strength[first[index], second[index]]) > 0
    ]
    return StrongPairs(strongest=strongest, map=_map(names, target, {"synthetic": strength}))


def paired_columns(codebook: Codebook, names: Sequence[str], target: str, table: pd.DataFrame) -> list[str]:
    """Those of ``names`` that are no text; of very many, the target and those most related to it in ``table``."""
    names = [name for name in names if codebook.columns[name].type != "text"]
    if len(names) <= MAX_COLUMNS or target not in names:
        return names[:MAX_COLUMNS]
    strength = {name: _strength(codebook, name, target, table) for name in names if name != target}
    kept = {target, *sorted(strength, key=lambda name: -strength[name])[: MAX_COLUMNS - 1]}
    return [name for name in names if name in kept]


def _strength(codebook: Codebook, name: str, target: str, table: pd.DataFrame) -> float:
    two = [name, target]
    joint = Joint([coarse_bins(codebook.columns[each], table[each]) for each in two])
    return float(joint.associations(joint.shares(table, two), len(table))[0, 1])


def _map(names: list[str], target: str, strengths: dict[str, Floats]) -> AssociationMap:
    """The target and the columns most related to it in the first of the tables, strongest first."""
    strength = next(iter(strengths.values()))
    of_target = strength.mean(0)
    if target in names:
        of_target = strength[names.index(target)].copy()
        of_target[names.index(target)] = 2  # before every other
    shown = np.argsort(-of_target, kind="stable")[:MAP_COLUMNS]
    tables = {table: strength[np.ix_(shown, shown)].round(2).tolist() for table, strength in strengths.items()}
    return AssociationMap(names=[names[index] for index in shown], tables=tables)

"""How much columns tell of the target, and of each other, in rows: what is chosen by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from participant_kit.organizer.synthesize.coded import CodedTable
from participant_kit.organizer.synthesize.coding import coarse

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Grid = npt.NDArray[np.int64]

ROUNDING = 1e-9
"""What floating point may add to a score, as a part of it."""


def apart(counts: Counts, chances: Array) -> float:
    """How many rows must change for ``counts``, shape (..., codes), to have the ``chances`` of the last axis' codes.

    A row moves it by at most 1 less than the smallest of the chances.
    """
    return float(np.abs(counts - chances * counts.sum(axis=-1, keepdims=True)).sum() / 2)


def apart_by_chance(rows: Array, chances: Array, noise: float = 0.0) -> float:
    """What :func:`apart` is about of ``rows``, shape (..., 1), that have just these ``chances``.

    Which are known but for what ``noise``, the deviation of each cell summed over the first axis, does to them.
    """
    known = rows.sum(axis=0, keepdims=True)
    unknown = (noise / np.maximum(known, 1.0)) ** 2 * (chances**2 + (1 - chances) ** 2)
    return float(np.sqrt(rows * chances * (1 - chances) + rows**2 * unknown).sum() / np.sqrt(2 * np.pi))


class Surprise:
    """How far each pair of columns is from independence: shape (columns, columns).

    That is, how far the ``shares`` of one's coarse codes are, in each code of the other, from its own. ``unknown`` is
    about how far these are from the real ones, shape (columns,): the column counts of which that is less, since it
    counts as a surprise. About ``part`` of the rows are looked at. A row moves no entry by more than 1.
    """

    def __init__(self, grids: Sequence[Grid], shares: Sequence[Array], unknown: Array, part: float) -> None:
        self.grids, self.shares, self.part = grids, np.concatenate(shares), part
        most = np.array([2 * (1 - float(of.min())) for of in shares]).clip(min=1.0) * (1 + ROUNDING)
        self._second_counts = unknown[:, None] > unknown
        self.most = np.where(self._second_counts, most, most[:, None])
        self._known: tuple[CodedTable, Array] | None = None

    def __call__(self, table: CodedTable) -> Array:
        """The distances: the sum of what all cells are apart, in the most that a row can add to it."""
        if self._known is None or self._known[0] is not table:
            self._known = table, self._measure(table)
        return self._known[1]

    def _measure(self, table: CodedTable) -> Array:
        sizes = np.array([grid.max() + 1 for grid in self.grids])
        starts, column = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(sizes)), sizes)
        counts = self._count(table, sizes, starts)
        margins = np.add.reduceat(counts, starts, axis=1)  # of each code, the rows that have any of a column's
        cells = np.abs(counts - margins[:, column] * self.shares)
        sums = np.add.reduceat(np.add.reduceat(cells, starts, axis=0), starts, axis=1)
        return np.where(self._second_counts, sums, sums.T) / self.most

    def _count(self, table: CodedTable, sizes: Grid, starts: Grid) -> Array:
        """The rows that have both of two codes, shape (codes of all columns, codes of all columns)."""
        looked_at, total = np.flatnonzero(table.coins < self.part), int(sizes.sum())
        counts = np.zeros((total, total))
        for rows in np.array_split(looked_at, len(looked_at) // 8192 + 1):
            present = np.zeros((len(rows), total + 1), dtype=np.float32)
            for position, grid in enumerate(self.grids):
                codes = coarse(table.columns[position][rows], grid)
                place = np.where(codes < sizes[position], starts[position] + codes, total)
                present[np.arange(len(rows)), place] = 1
            counts += present[:, :-1].T @ present[:, :-1]
        return counts

"""What was learned of the private rows: each column's shares, given those of the columns that are drawn before it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from participant_kit.organizer.synthesize.marginals import rows_of

Array = npt.NDArray[np.float64]
Grid = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Step:
    """How ``column`` is drawn: ``table``, shape (codes of ``parents``, all of them ..., codes), holds shares."""

    column: int
    parents: tuple[int, ...]
    table: Array


@dataclass(frozen=True)
class Tree:
    """What was learned, in the order in which it is drawn.

    ``grids`` map each column's codes to the coarse ones of its pairs; ``fine`` holds the shares of all its codes, and
    ``tilts`` by how much the target changes them, shape (target's codes, codes), of the columns of which that is
    known. ``rows`` is the number of rows, noised where it is not public.
    """

    target: int
    rows: float
    grids: list[Grid]
    fine: list[Array]
    tilts: dict[int, Array]
    steps: list[Step]

    def draw(self, rows: int, random: np.random.Generator) -> list[Grid]:
        """Codes of ``rows`` rows, column by column."""
        coarse: dict[int, Grid] = {}
        for step in self.steps:
            index = np.zeros(rows, dtype=np.int64)
            for parent, size in zip(step.parents, step.table.shape, strict=False):
                index = index * size + coarse[parent]
            table = step.table.reshape(math.prod(step.table.shape[:-1]), -1)
            coarse[step.column] = _pick(table, index, random)
        return [self._refine(column, coarse, random) for column in range(len(self.grids))]

    def _refine(self, column: int, coarse: dict[int, Grid], random: np.random.Generator) -> Grid:
        grid, tilt = self.grids[column], self.tilts.get(column, np.ones((1, 1)))
        members = (grid == np.arange(grid.max() + 1)[:, None])[:, None, :]
        shares = np.where(members, self.fine[column] * tilt, 0.0)
        bare = shares.sum(axis=2, keepdims=True) == 0
        index = coarse[column] * len(tilt) + (coarse[self.target] if len(tilt) > 1 else 0)
        return _pick(np.where(bare, members, shares).reshape(-1, len(grid)), index, random)


def _pick(table: Array, index: Grid, random: np.random.Generator) -> Grid:
    """For each entry of ``index`` a code drawn from that row of shares."""
    cumulative = np.cumsum(rows_of(table), axis=1)
    cumulative[:, -1] = 1.0
    flat = (cumulative + np.arange(len(table))[:, None]).ravel()
    place = np.searchsorted(flat, index + random.random(len(index)), side="right")
    codes: Grid = np.clip(place - index * table.shape[1], 0, table.shape[1] - 1)
    return codes

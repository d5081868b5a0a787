"""What the counts of several columns say beyond what is known already, so that nothing is paid for twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from participant_kit.organizer.synthesize.coded import CodedTable

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Residual:
    """``counts``, shape ``sizes``, less their mean along each of ``axes``; in units of 1 / ``unit`` it is whole.

    Of ResidualPlanner (Xiao, He, Zhang and Kifer, NeurIPS 2023). Each row must add 1 to one cell of the counts at
    most. Without axes it is the counts as they are.
    """

    counts: Callable[[CodedTable], Counts]
    sizes: tuple[int, ...] = ()
    axes: tuple[int, ...] = (0,)

    @property
    def unit(self) -> int:
        """What one row is in an answer."""
        return math.prod(self.sizes[axis] for axis in self.axes)

    @property
    def weight(self) -> float:
        """The square of the most that a row moves, in rows; of two columns with two codes a quarter."""
        return math.prod(1 - 1 / self.sizes[axis] for axis in self.axes)

    @property
    def moved(self) -> float:
        """The most that a row moves an answer in the L2 norm."""
        sizes = [self.sizes[axis] for axis in self.axes]
        return math.nextafter(math.sqrt(math.prod(size * (size - 1) for size in sizes)), math.inf)

    def __call__(self, table: CodedTable) -> Counts:
        """The answer, flat."""
        counts = self.counts(table).reshape(self.sizes)
        for axis in self.axes:
            counts = self.sizes[axis] * counts - counts.sum(axis=axis, keepdims=True)
        return counts.ravel()

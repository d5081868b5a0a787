"""How finely a column of numbers is looked at: bins and digits for a first codebook, from coarse facts of the data."""

from __future__ import annotations

import math
import sys
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from participant_kit.organizer.synthesize.coding import BINS

MAX_EDGES = 24
MAX_DECIMALS = 6
WHOLE = 100
"""Whole numbers over so short a range need no edges: bins of equal width hold one or two of them."""
FEW, OF, HOLD = 4, 32, 0.9
"""Of 32 bins of equal width, 4 that hold 90 % of the rows say that they serve badly."""
FEW_ROWS = 20
"""So few values may have a step by chance."""
_NOISE = 1e-9
"""What a computation leaves of a rounded number, as a share of the greatest."""

Numbers = npt.NDArray[np.float64]


def draft_bins(values: Numbers, minimum: Any, maximum: Any, step: int = 1) -> list[Any] | None:
    """Edges 0, 1, 2, 5, 10, ... between the bounds, for ``values``, shape (n,), that bins of equal width serve badly.

    None where they serve well. The data decide two things: that a few of the bins of equal width hold nearly all
    rows, which spread more over these edges; and the power of ten at which the edges begin. Each edge is whole steps
    from the minimum.
    """
    whole = isinstance(minimum, int)
    if not minimum < maximum or (whole and maximum - minimum <= WHOLE) or not math.isfinite(float(maximum - minimum)):
        return None
    low, high = float(minimum), float(maximum)
    shares = _shares(values, np.linspace(low, high, OF + 1))
    sizes = np.abs(values)
    sizes = sizes[sizes > _NOISE * sizes.max(initial=0)]
    if np.sort(shares)[-FEW:].sum() < HOLD or not sizes.size:
        return None
    start = math.floor(math.log10(np.quantile(sizes, 0.05, method="lower")))
    start = max(start, 0) if whole else max(start, -(draft_decimals(values) or sys.float_info.max_10_exp))
    edges = [edge for edge in _edges(start, minimum, maximum) if step == 1 or (edge - minimum) % step == 0]
    spread = _bits(_shares(values, np.array(edges, dtype=np.float64)))
    return edges if spread > _bits(_shares(values, np.linspace(low, high, BINS + 1))) else None


def draft_decimals(values: Numbers) -> int | None:
    """Digits after the point of ``values``, shape (n,), at most 6; None when there are more."""
    noise = _NOISE * float(np.abs(values).max(initial=0))
    for digits in range(MAX_DECIMALS + 1):
        if np.abs(values - np.round(values, digits)).max(initial=0) <= noise:
            return digits
    return None


def draft_step(values: npt.NDArray[np.int64]) -> int:
    """The greatest number of which all distances of ``values``, shape (n,), are multiples; 1 where they are few."""
    different = np.unique(values)
    if len(values) < FEW_ROWS or len(different) < 3:
        return 1
    return int(np.gcd.reduce(different.view(np.uint64) - different.view(np.uint64)[0]))


def _edges(start: int, minimum: Any, maximum: Any) -> list[Any]:
    """From the bounds inward: 1, 2, 5 of each power of ten from ``start`` on, on both sides of 0.

    Too many become the powers of ten alone, then every second, every third of them.
    """
    kind = type(minimum)
    top = math.floor(math.log10(max(abs(minimum), abs(maximum)))) + 1
    for step in count(0):
        digits, powers = ((1, 2, 5), range(start, top)) if step == 0 else ((1,), range(start, top, step))
        sizes = [kind(float(f"{digit}e{power}")) for power in powers for digit in digits]
        inner = {*(-size for size in sizes), kind(0), *sizes}
        edges = [minimum, *sorted(edge for edge in inner if minimum < edge < maximum), maximum]
        if len(edges) <= MAX_EDGES:
            return edges
    raise AssertionError


def _shares(values: Numbers, edges: Numbers) -> Numbers:
    return np.asarray(np.histogram(values, edges)[0] / max(len(values), 1))


def _bits(shares: Numbers) -> float:
    """The entropy of the bin that a row is in."""
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())

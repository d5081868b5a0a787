"""Noisy counts made plausible: without a look at any row, so at no cost in privacy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from participant_kit.organizer.synthesize.coding import Coding

Array = npt.NDArray[np.float64]
Grid = npt.NDArray[np.int64]

_SIGNIFICANT = 2.5
"""Standard deviations of its noise above which a difference is believed."""
_RAKED = 1e-6
_ROUNDS = 50


def to_simplex(shares: Array) -> Array:
    """The nearest shares, in least squares, that are not negative and sum to 1, shape (codes,).

    Algorithm of Duchi, Shalev-Shwartz, Singer and Chandra (ICML 2008).
    """
    descending = np.sort(shares)[::-1]
    excess = (np.cumsum(descending) - 1.0) / np.arange(1, len(shares) + 1)
    last = np.flatnonzero(descending > excess)[-1]
    result: Array = np.maximum(shares - excess[last], 0.0)
    return result


def smooth(counts: Array, noise: float) -> Array:
    """Counts of ordered codes, shape (codes,), flat wherever they differ by no more than noise of this deviation.

    Hard thresholding of Haar wavelets (Donoho and Johnstone, 1994), for any number of codes; the sum is kept.
    """
    sums, result = np.append(0.0, np.cumsum(counts)), np.empty(len(counts))
    nodes = [(0, len(counts), sums[-1] / len(counts))]
    while nodes:
        low, high, mean = nodes.pop()
        if high - low == 1:
            result[low] = mean
            continue
        middle = (low + high) // 2
        left, right = middle - low, high - middle
        difference = (sums[middle] - sums[low]) / left - (sums[high] - sums[middle]) / right
        if abs(difference) < _SIGNIFICANT * noise * np.sqrt(1 / left + 1 / right):
            difference = 0.0
        nodes.append((low, middle, mean + difference * right / (left + right)))
        nodes.append((middle, high, mean - difference * left / (left + right)))
    return result


def choose_grid(coding: Coding, shares: Array, most: int, floor: float) -> Grid:
    """A coarse code for each code of ``coding``, shape (codes,): at most ``most`` for values, and one for missing.

    Bins are joined to about equal ``shares``, levels to one code of the rare ones. What has a share of at most
    ``floor`` gets no code of its own.
    """
    values = shares[: coding.values]
    if coding.is_ordered and coding.values > most:
        middle = np.cumsum(values) - values / 2
        grid = np.floor(np.minimum(middle / max(values.sum(), 1e-12), 1 - 1e-9) * most).astype(np.int64)
    elif coding.is_ordered:
        grid = np.arange(coding.values)
    else:
        order = np.argsort(-values, kind="stable")
        own = min(int((values > floor).sum()), coding.values if coding.values <= most else most - 1)
        grid = np.full(coding.values, own)
        grid[order[:own]] = np.arange(own)
    codes: Grid = np.unique(grid, return_inverse=True)[1]
    return np.append(codes, codes.max() + (shares[-1] > floor)) if coding.size > coding.values else codes


def merge(shares: Array, grid: Grid) -> Array:
    """The shares of the coarse codes of ``grid``."""
    return np.asarray(np.bincount(grid, weights=shares), dtype=np.float64)


def trend(coding: Coding, grid: Grid) -> Array | None:
    """The direction in which the coarse codes of an ordered column rise, shape (coarse codes,); None without order.

    Of unit length and zero sum; the missing code is in its middle.
    """
    if not coding.is_ordered:
        return None
    values = int(grid[: coding.values].max()) + 1
    steps = np.zeros(grid.max() + 1)
    steps[:values] = np.arange(values) - (values - 1) / 2
    length = float(np.linalg.norm(steps))
    return steps / length if length else None


def shrink(counts: Array, expected: Array, noise: float, trends: Sequence[Array | None]) -> Array:
    """Noisy ``counts`` of two columns, made to have the margins of ``expected`` and moved towards it.

    As far as the noise explains their distance: the positive-part estimator of James and Stein (1961), for what
    follows the ``trends`` of the columns and for the rest, each by itself. Not negative.
    """
    apart = counts - expected
    apart = apart - apart.mean(axis=0, keepdims=True) - apart.mean(axis=1, keepdims=True) + apart.mean()
    first, second = trends
    rising = apart if first is None else np.outer(first, first @ apart)
    rising = rising if second is None else np.outer(rising @ second, second)
    free = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    rising_free = (counts.shape[0] - 1 if first is None else 1) * (counts.shape[1] - 1 if second is None else 1)
    kept = _kept(rising, rising_free, noise) + _kept(apart - rising, free - rising_free, noise)
    result: Array = np.maximum(expected + kept, _RAKED * expected)
    for axis in (0, 1) * _ROUNDS:
        margin = result.sum(axis=axis, keepdims=True)
        result = result * (expected.sum(axis=axis, keepdims=True) / np.where(margin > 0, margin, 1.0))
    return result


def _kept(apart: Array, free: int, noise: float) -> Array:
    """What is left of ``apart``, which has ``free`` degrees of freedom, when its noise is taken off."""
    distance = float((apart**2).sum())
    return apart * max(1.0 - free * noise**2 / distance, 0.0) if distance else apart


def rake(base: Array, pairs: Mapping[int, Array]) -> Array:
    """The shares of maximum entropy, shape (*base.shape, k), with the shares ``base`` and ``pairs``, nearly.

    The pair at an axis of ``base`` has shape (size of the axis, k). Iterative proportional fitting (Deming and
    Stephan, 1940). What contradicts each other is met in turn, the first of the pairs last.
    """
    cube = np.multiply.outer(base, np.maximum(next(iter(pairs.values())).sum(axis=0), 1e-12))
    last = base.ndim
    wanted: list[tuple[tuple[int, ...], Array]] = [((last,), base[..., None])]
    for axis, pair in reversed(list(pairs.items())):
        others = tuple(other for other in range(last) if other != axis)
        wanted.append((others, np.expand_dims(pair, others)))
    for _ in range(_ROUNDS):
        before = cube
        for others, shares in wanted:
            margin = cube.sum(axis=others, keepdims=True)
            cube = cube * np.where(margin > 0, shares / np.where(margin > 0, margin, 1.0), 0.0)
        if np.abs(cube - before).sum() < _RAKED:
            break
    result: Array = cube
    return result


def rows_of(table: Array) -> Array:
    """Each row of ``table`` as shares that sum to 1; a row of nothing is uniform."""
    total = table.sum(axis=-1, keepdims=True)
    return np.where(total > 0, table / np.where(total > 0, total, 1.0), 1.0 / table.shape[-1])

"""What the sample may give away: rows copied, rows too near, and whether it shows who was in the training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest  # type: ignore[import-untyped]

from participant_kit.challenge.bins import numbers
from participant_kit.challenge.codebook import Codebook
from participant_kit.organizer.report.interval import (
    SEED,
    Figures,
    Floats,
    Interval,
    area_under_curve,
    interval,
    row_weights,
    subsample,
)

_LEVELS = 16
"""Levels of a category that have a direction each; more of them share so many, at random."""
_CHUNK = 1000
_SAME = 1e-4
"""Squared distances nearer to each other than this are equal: what single precision tells apart."""

Matrix = npt.NDArray[np.float32]


class Copies(Figures):
    """Rows of the sample that equal a real row in every column but identifier and target.

    ``by_chance`` scales what equals a held-out row, which no synthesizer saw, to as many rows as were learned from.
    ``p_value``: how probable so many copies of learned rows are if chance alone made them.
    """

    rows: int
    of_train: int
    of_held_out: int
    train_rows: int
    held_out_rows: int
    by_chance: float
    p_value: float


class Nearness(Figures):
    """Distances between synthetic and real rows, as many learned from as held out (``rows`` of each).

    ``nearer_to_train``: the share of synthetic rows whose nearest real row was learned from; 0.5 where the sample
    shows nothing of it. ``membership``: the area under the ROC curve of telling learned rows from held-out ones by
    how near a synthetic row is; 0.5 is a coin. ``to_train`` and ``to_held_out`` are quartiles of the distances of
    synthetic rows, ``between`` of held-out real rows to those learned from.
    """

    rows: int
    synthetic_rows: int
    to_train: list[float]
    to_held_out: list[float]
    between: list[float]
    nearer_to_train: Interval | None
    membership: Interval | None


def copies(sample: pd.DataFrame, train: pd.DataFrame, held_out: pd.DataFrame) -> Copies | None:
    """Count copies. The tables hold the same columns in the same dtypes; None without any column or real row."""
    if not len(train.columns) or not len(train) or not len(held_out):
        return None
    hashes = [pd.util.hash_pandas_object(table, index=False) for table in (sample, train, held_out)]
    of_train, of_held_out = (int(hashes[0].isin(real).sum()) for real in hashes[1:])
    share = len(train) / (len(train) + len(held_out))
    total = of_train + of_held_out
    test = binomtest(of_train, total, share, alternative="greater") if total else None
    return Copies(
        rows=len(sample),
        of_train=of_train,
        of_held_out=of_held_out,
        train_rows=len(train),
        held_out_rows=len(held_out),
        by_chance=round(of_held_out * len(train) / len(held_out), 2),
        p_value=float(f"{test.pvalue:.3g}") if test else 1.0,
    )


def nearness(
    codebook: Codebook, names: Sequence[str], sample: pd.DataFrame, train: pd.DataFrame, held_out: pd.DataFrame
) -> Nearness | None:
    """Compare distances in the columns ``names``; None where there are no columns, or fewer than two rows."""
    rows = min(len(train), len(held_out))
    names = [name for name in names if codebook.columns[name].type != "text"]
    if rows < 2 or not len(sample) or not names:
        return None
    train, held_out = subsample(train, rows), subsample(held_out, rows)
    synthetic, learned, unseen = _encoded(codebook, names, [sample, train, held_out], scale=[train, held_out])
    of_synthetic, of_learned = _nearest(synthetic, learned)
    of_synthetic_unseen, of_unseen = _nearest(synthetic, unseen)
    to_learned, to_unseen = of_synthetic[0], of_synthetic_unseen[0]
    even = np.abs(to_learned - to_unseen) <= _SAME
    won = ~even & (to_learned < to_unseen)
    ties = int(even.sum())
    hits = [  # of each real row: one that is the nearest to many synthetic rows is still one row to the bootstrap
        np.bincount(of_synthetic[1][won], minlength=rows),
        np.bincount(of_synthetic_unseen[1][~even & ~won], minlength=rows),
    ]
    score = -np.round(np.concatenate([of_learned[0], of_unseen[0]]) / _SAME)
    area = area_under_curve(np.arange(2 * rows) < rows, score)
    pairs = list(zip(row_weights(rows), row_weights(rows, seed=SEED + 1), strict=True))
    shares = [_share(float(first @ hits[0]), float(second @ hits[1]), ties) for first, second in pairs]
    areas = [area(np.concatenate(pair)) for pair in pairs]
    return Nearness(
        rows=rows,
        synthetic_rows=len(sample),
        to_train=_quartiles(to_learned),
        to_held_out=_quartiles(to_unseen),
        between=_quartiles(_nearest(unseen, learned)[0][0]),
        nearer_to_train=interval((won.sum() + ties / 2) / len(won), shares),
        membership=interval(area(np.ones(2 * rows)), areas),
    )


def _encoded(
    codebook: Codebook, names: Sequence[str], tables: Sequence[pd.DataFrame], scale: Sequence[pd.DataFrame]
) -> list[Matrix]:
    """Rows as points, shape (rows, dimensions): in each column, values that differ entirely are about 1 apart.

    A number is its rank among the values of ``scale``; a level is a direction; missing is a direction of its own.
    """
    parts: list[list[Matrix]] = [[] for _ in tables]
    random = np.random.default_rng(SEED)
    for name in names:
        column = codebook.columns[name]
        if column.type == "category":
            directions = _directions(len(column.level_names), random)
            for part, table in zip(parts, tables, strict=True):
                part.append(directions[table[name].cat.codes.to_numpy()])
            continue
        known = np.sort(np.concatenate([numbers(table[name]) for table in scale]))
        known = known[~np.isnan(known)]
        for part, table in zip(parts, tables, strict=True):
            number = numbers(table[name])
            gone = np.isnan(number)
            ranks = np.searchsorted(known, number, "left") + np.searchsorted(known, number, "right")
            rank = np.where(gone, 0.5, ranks / (2 * max(len(known), 1)))
            part.append(np.column_stack([rank, gone]).astype(np.float32))
    return [np.concatenate(part, axis=1) for part in parts]


def _directions(levels: int, random: np.random.Generator) -> Matrix:
    """A point for each level, and the last for missing, shape (levels + 1, dimensions), about 1 from each other."""
    count = levels + 1
    points = np.eye(count) if count <= _LEVELS else random.normal(size=(count, _LEVELS))
    points /= np.linalg.norm(points, axis=1, keepdims=True) * np.sqrt(2)
    return points.astype(np.float32)


Nearest = tuple[Floats, npt.NDArray[np.int64]]


def _nearest(first: Matrix, second: Matrix) -> tuple[Nearest, Nearest]:
    """Of each row of ``first`` the squared distance to the nearest row of ``second`` and its position; and back.

    Every distance is worked out once, a block of rows at a time.
    """
    lengths = (second**2).sum(1)
    to_second, places = np.empty(len(first)), np.empty(len(first), dtype=np.int64)
    to_first, back = np.full(len(second), np.inf), np.zeros(len(second), dtype=np.int64)
    for start in range(0, len(first), _CHUNK):
        block = first[start : start + _CHUNK]
        squares = (block**2).sum(1)[:, None] + lengths - 2 * (block @ second.T)
        stop = start + len(block)
        places[start:stop] = squares.argmin(1)
        to_second[start:stop] = squares[np.arange(len(block)), places[start:stop]]
        nearest = squares.argmin(0)
        distance = squares[nearest, np.arange(len(second))]
        better = distance < to_first
        to_first[better], back[better] = distance[better], start + nearest[better]
    return (np.maximum(to_second, 0), places), (np.maximum(to_first, 0), back)


def _share(first: float, second: float, ties: int) -> float:
    total = first + second + ties
    return (first + ties / 2) / total if total else float("nan")


def _quartiles(squares: Floats) -> list[float]:
    return [round(float(square) ** 0.5, 3) for square in np.quantile(squares, [0.25, 0.5, 0.75])]

"""Structural zeros for a first codebook: columns that are missing because of what another column says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from participant_kit.challenge.codebook import Column

MAX_LEVELS = 10
"""Columns with more levels say nothing about another one's missing values."""
MIN_ROWS = 20
"""Rows that are needed where it is always missing, and where it is not."""
MIN_LEVEL = 5
"""Rows of a level that are needed before it counts as always missing."""
RARELY = 0.1
"""The greatest share of missing values where the other column has another level."""


@dataclass(frozen=True)
class _Levels:
    """A column as codes of its levels, shape (rows,), which are -1 where it is missing."""

    name: str
    codes: npt.NDArray[np.intp]
    levels: list[str | int | bool]


def find_missing_when(
    frame: pd.DataFrame, columns: Mapping[str, Column], left_out: tuple[str, ...]
) -> dict[str, dict[str, list[str | int | bool]]]:
    """``missing_when`` of each column of ``frame``, shape (rows, columns), that has a clear one.

    A column is always missing where another one has some levels, and rarely where that has any other. Of several
    others, that one is named which explains most missing rows. Those ``left_out`` neither have one nor are named.
    No chain of them leads back to its beginning.
    """
    known = (_levels(name, frame, column) for name, column in columns.items() if name not in left_out)
    others = [other for other in known if other]
    parent: dict[str, str] = {}
    result: dict[str, dict[str, list[str | int | bool]]] = {}
    for name, column in columns.items():
        if name in left_out or not column.nullable:
            continue
        gone = frame[name].isna().to_numpy()
        found = [(rows, other, levels) for other in others for rows, levels in _explained(gone, other)]
        for _, other, levels in sorted(found, key=lambda each: -each[0]):
            if name not in (other.name, *_chain(other.name, parent)):
                parent[name], result[name] = other.name, {other.name: levels}
                break
    return result


def _levels(name: str, frame: pd.DataFrame, column: Column) -> _Levels | None:
    if column.type not in ("category", "boolean", "integer"):
        return None
    if column.type == "integer" and column.maximum - column.minimum > MAX_LEVELS:
        return None
    codes, values = pd.factorize(frame[name], sort=True)
    if not 2 <= len(values) <= MAX_LEVELS:
        return None
    kind = {"category": str, "boolean": bool, "integer": int}[column.type]
    return _Levels(name, codes, [kind(value) for value in values])


def _explained(gone: npt.NDArray[np.bool_], other: _Levels) -> Iterator[tuple[int, list[str | int | bool]]]:
    """How many missing rows ``other`` explains, and by which levels; nothing when it does not."""
    size = len(other.levels)
    rows = np.bincount(other.codes[other.codes >= 0], minlength=size)
    missing = np.bincount(other.codes[gone & (other.codes >= 0)], minlength=size)
    always = (missing == rows) & (rows >= MIN_LEVEL)
    inside, outside = int(rows[always].sum()), int(rows[~always].sum())
    if min(inside, outside) >= MIN_ROWS and missing[~always].sum() <= RARELY * outside:
        yield inside, [level for level, is_always in zip(other.levels, always, strict=True) if is_always]


def _chain(name: str, parent: Mapping[str, str]) -> Iterator[str]:
    while name in parent:
        name = parent[name]
        yield name

"""Ranges of scores, which Codabench has none of and every bound on what leaks needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from participant_kit.organizer.codabench.competition import Column
from participant_kit.organizer.errors import OrganizerError

_UNIT = (
    "accuracy", "acc", "auc", "auroc", "roc_auc", "auprc", "f1", "fscore", "f_score", "precision", "recall",
    "sensitivity", "specificity", "map", "ndcg", "mrr", "iou", "jaccard", "dice", "brier", "hit", "ssim", "nmi",
    "purity", "probability", "pvalue",
)  # fmt: skip
_SIGNED = (
    "mcc",
    "matthews",
    "kappa",
    "pearson",
    "spearman",
    "kendall",
    "correlation",
    "corr",
    "ari",
    "silhouette",
    "r2",
)
_TIME = ("duration", "time", "seconds", "runtime", "elapsed")
_KNOWN = ((_TIME, 0.0, 0.0), (_SIGNED, -1.0, 1.0), (_UNIT, 0.0, 1.0))

WIDE = (-1000.0, 1000.0)
"""For a score whose name says nothing: cutting it off would be worse than the bits that width costs."""


@dataclass(frozen=True)
class Range:
    """From ``low`` to ``high``, and where that is from."""

    low: float
    high: float
    said: str


def guess_range(
    column: Column, columns: Sequence[Column], given: Mapping[str, tuple[float, float]], wall_time: float
) -> Range:
    """What the column's name says of its range, or that of a column it is computed of or goes into.

    ``given`` are ranges by key that are known; ``wall_time`` in seconds bounds a duration.
    """
    if (found := _by_name(column, given, wall_time)) or column.computation == "sum":
        return found or _sum(column, columns, given, wall_time)
    of = column.computation_indexes or []
    near = [other for other in columns if other.index in of]
    near += [other for other in columns if other.computation not in (None, "sum") and column.index in _of(other)]
    for other in near:
        if found := _by_name(other, given, wall_time):
            return Range(found.low, found.high, f"guessed by that of {other.key!r}")
    return Range(*WIDE, "guessed without any hint, so wide")


def _of(column: Column) -> list[int]:
    return column.computation_indexes or []


def _sum(
    column: Column, columns: Sequence[Column], given: Mapping[str, tuple[float, float]], wall_time: float
) -> Range:
    parts = [guess_range(other, columns, given, wall_time) for other in columns if other.index in _of(column)]
    return Range(sum(part.low for part in parts), sum(part.high for part in parts), "guessed by what it is the sum of")


def _by_name(column: Column, given: Mapping[str, tuple[float, float]], wall_time: float) -> Range | None:
    if column.key in given:
        return Range(*given[column.key], "given")
    text = f"{column.key} {column.title}".lower()
    words = {*re.findall(r"[a-z]+\d?", text.replace("_", " ")), *re.split(r"[^a-z0-9_]+", text)}
    for known, low, high in _KNOWN:
        if word := next((word for word in known if word in words), None):
            return Range(low, wall_time if known is _TIME else high, f"guessed by the word {word!r}")
    return None


def parse_ranges(texts: Iterable[str]) -> dict[str, tuple[float, float]]:
    """``KEY=LOW:HIGH`` for each of ``texts``, by key. Raises :class:`OrganizerError` with an example."""
    ranges = {}
    for text in texts:
        key, _, bounds = text.rpartition("=")
        low, _, high = bounds.partition(":")
        try:
            ranges[key] = (float(low), float(high))
        except ValueError:
            raise OrganizerError(f"{text!r} is no range.", hint="Write KEY=LOW:HIGH, as in accuracy=0:1.") from None
    return ranges

"""Ranges of scores, which Codabench has none of and every bound on what leaks needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from participant_kit.organizer.codabench.competition import Column
from participant_kit.organizer.errors import OrganizerError

_UNIT = (
    "accuracy", "acc", "auc", "auroc", "roc_auc", "auprc", "f1", "fscore", "f_score", "precision", "recall",
    "sensitivity", "specificity", "map", "ndcg", "mrr", "iou", "jaccard", "dice", "brier", "hit", "ssim", "nmi",
    "purity", "probability", "pvalue",
)  # fmt: skip
_SIGNED = ("mcc", "matthews", "kappa", "pearson", "spearman", "kendall", "correlation", "corr", "ari", "silhouette")
_TIME = ("duration", "time", "seconds", "runtime", "elapsed")
_BELOW_ONE = ("r2",)

WIDE = (-1000.0, 1000.0)
"""For a score whose name says nothing: cutting it off would be worse than the bits that width costs."""


@dataclass(frozen=True)
class Range:
    """From ``low`` to ``high``, and where that is from."""

    low: float
    high: float
    said: str


def guess_range(column: Column, wall_time: float) -> Range:
    """What the column's key or title says of its range; ``wall_time`` in seconds bounds a duration."""
    words = set(re.findall(r"[a-z]+\d?", f"{column.key} {column.title}".lower().replace("_", " ")))
    words |= {part for part in re.split(r"\W+", f"{column.key} {column.title}".lower()) if part}

    def names(known: tuple[str, ...]) -> str:
        return next((word for word in known if word in words), "")

    for known, low, high in ((_TIME, 0.0, wall_time), (_SIGNED, -1.0, 1.0), (_BELOW_ONE, -1.0, 1.0), (_UNIT, 0.0, 1.0)):
        if word := names(known):
            return Range(low, high, f"guessed by the word {word!r}")
    return Range(*WIDE, "guessed without any hint, so wide")


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

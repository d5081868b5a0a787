"""What a scoring program of a task wrote, and what the card's metrics make of it.

Errors here name metrics of the card alone, and never a key or a value: whoever wrote them has read the reference data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from participant_kit.challenge.card import RESOURCES, Card, Metric
from participant_kit.challenge.errors import ChallengeError

MAX_SCORES = 1 << 16
"""Bytes that a file of scores may have."""
MAX_KEYS = 1000

_COMPUTED: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
}


def read_scores(content: bytes) -> dict[str, Any]:
    """The scores in ``content``: of ``scores.json`` an object, of ``scores.txt`` lines ``key: value``.

    Raises :class:`ChallengeError` for anything else.
    """
    scores = _object(content)
    if scores is None:
        scores = _lines(content)
    if scores is None:
        raise ChallengeError(
            "The scoring program wrote no scores that can be read.",
            hint="Write a JSON object to scores.json, or lines as in accuracy: 0.93 to scores.txt.",
        )
    if len(scores) > MAX_KEYS:
        raise ChallengeError(
            f"The scoring program wrote more than {MAX_KEYS} keys.", hint="Write those that the card's metrics read."
        )
    return scores


def metrics_of(card: Card, phase: str | None, found: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The card's metrics and figures, by name, from the scores that were ``found`` by task.

    ``phase`` is the one whose tasks these are; None stands for all. Raises :class:`ChallengeError` for a metric that
    is missing or no finite number.
    """
    tasks = [task.name for task in card.tasks_of(phase)]
    read = {
        metric.name: _number(metric, found.get(metric.task or tasks[0], {}))
        for metric in card.metrics
        if not metric.computation
    }
    for metric in card.metrics:
        if metric.computation:
            read[metric.name] = _COMPUTED[metric.computation]([read[name] for name in metric.of])
    for figure in card.release.figures:
        if figure.name not in RESOURCES:
            scores = next((found[task] for task in tasks if figure.name in found.get(task, {})), {})
            read[figure.name] = _finite(figure.name, scores.get(figure.name))
    return read


def _number(metric: Metric, scores: Mapping[str, Any]) -> float:
    return _finite(metric.name, scores.get(metric.key or metric.name))


def _finite(name: str, value: Any) -> float:
    if value is None:
        raise ChallengeError(
            f"The scoring program wrote nothing for {name}.", hint="Write the metric's key, or correct it in the card."
        )
    if type(value) not in (int, float):
        raise ChallengeError(
            f"What the scoring program wrote for {name} is no number.", hint="Write a number, not text or a list."
        )
    if not abs(value) < 1e308:  # nor NaN
        raise ChallengeError(
            f"What the scoring program wrote for {name} is no finite number.", hint="Write a number in its place."
        )
    return float(value)


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        scores = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return scores if isinstance(scores, dict) else None


def _lines(content: bytes) -> dict[str, Any] | None:
    """Lines ``key: value``; a value that is no number stays text."""
    scores: dict[str, Any] = {}
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    for line in filter(str.strip, text.splitlines()):
        key, colon, value = line.partition(":")
        if not colon:
            return None
        try:
            scores[key.strip()] = float(value)
        except ValueError:
            scores[key.strip()] = value.strip()
    return scores or None

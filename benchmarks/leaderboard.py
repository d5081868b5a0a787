"""What each mechanism of the live leaderboard does against a participant who climbs by probing.

    python benchmarks/leaderboard.py --submissions 1000 --seeds 10 --plot docs/pictures/leaderboard.svg

Labels of two classes are drawn by a coin, and so is every prediction: whatever is shown above one half was learned
from the leaderboard. Two attacks of Blum and Hardt (ICML 2015): *boosting* submits independent random predictions and
joins by majority those that the leaderboard showed above one half (their section 4); *random subset* flips a random
tenth of its best predictions and keeps what the leaderboard shows as an improvement. The score is accuracy on ``rows``
test rows; the true one is on fresh rows, where every prediction is right half the time. The attacker's last
submission is what the attack ends in.

Every mechanism is that of the release gate, asked as the gate asks it, and its answer is rounded as the gate rounds it.
``none`` shows each score whole.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from participant_kit.challenge.card import Card
from participant_kit.secure_side.leaderboard import make_mechanism

Vector = np.ndarray[Any, np.dtype[np.bool_]]
SCORE = "accuracy_score"


VARIANTS = ("none", "rounded", "ladder", "ladder 0.02", "parameter-free-ladder", "thresholdout", "thresholdout 0.04")
"""Mechanisms, each with the card's default of ``leaderboard_step`` or the one that follows."""


def card(variant: str) -> Card:
    """A card with one score of three decimals."""
    mechanism, _, step = variant.partition(" ")
    return Card.model_validate(
        {
            "schema_version": 1,
            "slug": "coin",
            "title": "A coin",
            "data": {"identifier": "id", "target": "side"},
            "submission": {"columns": {"id": "integer", "prediction": "integer"}},
            "metrics": [{"name": SCORE, "higher_is_better": True, "range": [0, 1], "primary": True}],
            "phases": [{"name": "development", "starts": "2026-01-01", "ends": "2027-01-01"}],
            "release": {"leaderboard_mechanism": mechanism, "leaderboard_step": float(step) if step else None},
        }
    )


class Board:
    """A leaderboard that one attacker asks. ``labels`` has shape (rows,)."""

    def __init__(self, mechanism: str, labels: Vector) -> None:
        self._card = card(mechanism) if mechanism != "none" else None
        self._mechanism = make_mechanism(self._card) if self._card else None
        self._labels, self._memory = labels, None
        self._best: Vector | None = None

    def submit(self, prediction: Vector) -> float:
        """What is shown for ``prediction``, shape (rows,)."""
        right = prediction == self._labels
        score = float(right.mean())
        if self._mechanism is None or self._card is None:
            return score
        chance = None
        if self._best is not None:  # of a mean, what the scorer's bootstrap estimates
            losses = right.astype(float) - (self._best == self._labels)
            chance = float(losses.std(ddof=1) / np.sqrt(len(losses)))
        before = self._memory
        shown, self._memory = self._mechanism.show(
            {SCORE: score}, {"chance": chance, "against": "", "submission": ""}, before
        )
        if self._memory != before:
            self._best = prediction
        return self._card.primary.rounded(shown[SCORE])


def boosting(board: Board, rows: int, submissions: int, random: np.random.Generator) -> tuple[float, Vector]:
    """The last thing shown, and the majority of what was shown above one half."""
    votes, shown_before = np.zeros(rows), 0.5
    for _ in range(submissions - 1):
        prediction = random.random(rows) < 0.5
        shown = board.submit(prediction)
        if shown > 0.5 and shown != shown_before:  # an answer that repeats itself tells nothing of this one
            votes += 2.0 * prediction - 1
        shown_before = shown
    final = np.where(votes == 0, random.random(rows) < 0.5, votes > 0)
    return board.submit(final), final


def random_subset(board: Board, rows: int, submissions: int, random: np.random.Generator) -> tuple[float, Vector]:
    """The last thing shown, and the prediction that the climb ended in."""
    best = random.random(rows) < 0.5
    shown_best = board.submit(best)
    for _ in range(submissions - 1):
        tried = best ^ (random.random(rows) < 0.1)
        shown = board.submit(tried)
        if shown > shown_best:
            best, shown_best = tried, shown
    return shown_best, best


ATTACKS: dict[str, Callable[[Board, int, int, np.random.Generator], tuple[float, Vector]]] = {
    "boosting": boosting,
    "random subset": random_subset,
}


def measure(mechanism: str, attack: str, rows: int, submissions: int, seeds: int) -> dict[str, Any]:
    """Mean and standard deviation over ``seeds`` of the gap between shown and true score, in accuracy."""
    shown, true = [], []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        labels = random.random(rows) < 0.5
        last, final = ATTACKS[attack](Board(mechanism, labels), rows, submissions, random)
        shown.append(last)
        true.append(float((final == (np.random.default_rng(10_000 + seed).random(rows) < 0.5)).mean()))
    gap = np.array(shown) - np.array(true)
    return {
        "mechanism": mechanism,
        "attack": attack,
        "shown": round(float(np.mean(shown)), 4),
        "true": round(float(np.mean(true)), 4),
        "gap": round(float(gap.mean()), 4),
        "spread": round(float(gap.std(ddof=1)), 4) if seeds > 1 else None,
    }


def plot(found: list[dict[str, Any]], path: str) -> None:
    """Bars of the gap, an attack a colour."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(row["mechanism"] for row in found))
    figure, axes = pyplot.subplots(figsize=(8, 3.2), layout="constrained")
    for number, attack in enumerate(ATTACKS):
        rows = [row for row in found if row["attack"] == attack]
        places = np.arange(len(rows)) + 0.4 * number - 0.2
        axes.bar(places, [row["gap"] for row in rows], 0.38, yerr=[row["spread"] or 0 for row in rows], label=attack)
    axes.set_xticks(range(len(names)), [name.replace(" ", "\n").replace("-ladder", "\nladder") for name in names])
    axes.set_ylabel("shown minus true accuracy")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.legend(frameon=False)
    figure.savefig(path)


def main() -> None:
    """Measure everything, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--plot")
    options = parser.parse_args()
    found = []
    for mechanism in VARIANTS:
        for attack in ATTACKS:
            found.append(measure(mechanism, attack, options.rows, options.submissions, options.seeds))
            print(json.dumps(found[-1]), flush=True)
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()

"""What the live leaderboard shows of a score, so that probing it teaches little about the test rows.

One interface (:class:`~participant_kit.secure_side.gate.Mechanism`) and a registry; the card's
``release.leaderboard_mechanism`` chooses. A mechanism sees exact numbers and decides which to show. What it keeps
stands in the egress log beside the answer, so that a restart knows it, and never leaves. None of them changes what a
release costs in the ledger: an answer "no better" has the same alphabet as any other, and is charged for all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from participant_kit.challenge.card import Card, Metric
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.gate import Mechanism

Numbers = Mapping[str, float]


def _gain(metric: Metric, found: Numbers, shown: Numbers) -> float:
    """By how much ``found`` is better than ``shown``."""
    gain = found[metric.name] - shown[metric.name]
    return gain if metric.higher_is_better else -gain


class Rounded:
    """Every score, rounded to the card's decimals by the gate."""

    def __init__(self, card: Card) -> None:
        pass

    def show(self, found: Numbers, aside: Any, memory: Any) -> tuple[Numbers, Any]:
        """See :class:`~participant_kit.secure_side.gate.Mechanism`."""
        return found, None


class Ladder:
    """The best so far, until one beats it by a step (Blum and Hardt, ICML 2015, algorithm 1).

    The primary score is shown in whole steps; the card's ``leaderboard_step``, or one unit of its last decimal.
    """

    def __init__(self, card: Card) -> None:
        self._primary = card.primary
        self._step = card.release.leaderboard_step or 10.0**-card.primary.decimals

    def show(self, found: Numbers, aside: Any, memory: Any) -> tuple[Numbers, Any]:
        """See :class:`~participant_kit.secure_side.gate.Mechanism`."""
        # a millionth less than a step, because 0.812 - 0.811 is not 0.001 in binary
        if memory and _gain(self._primary, found, memory["shown"]) < self._step * 0.999999:
            return memory["shown"], memory
        whole = round(found[self._primary.name] / self._step) * self._step
        shown = {**found, self._primary.name: self._primary.rounded(whole)}
        return shown, {"shown": shown}


class ParameterFreeLadder:
    """The best so far, until one beats it by more than chance explains (the same paper, algorithm 3).

    The step is the standard error of the difference between the two on the same test rows. The scorer takes it by
    a paired bootstrap, which fits metrics without a loss per row too, and compares with the predictions that were
    the best: ``aside`` has ``chance``, the ``submission``, and the one that it was compared ``against``; the memory
    has the one whose predictions to keep. Raises :class:`SecureSideError` when the best is another by now.
    """

    def __init__(self, card: Card) -> None:
        self._primary = card.primary

    def show(self, found: Numbers, aside: Any, memory: Any) -> tuple[Numbers, Any]:
        """See :class:`~participant_kit.secure_side.gate.Mechanism`."""
        if memory and aside["against"] != memory["best"]:
            raise SecureSideError("Another runner released a better score meanwhile.", hint="It is run again.")
        if memory and _gain(self._primary, found, memory["exact"]) <= aside["chance"]:
            return memory["shown"], memory
        shown = {**found, self._primary.name: self._primary.rounded(found[self._primary.name])}
        return shown, {"shown": shown, "exact": dict(found), "best": aside["submission"]}


class Thresholdout:
    """The last answer, until the score lies further from it than a noised threshold; then the score with noise.

    Dwork et al., Science 2015, with the last answer in the place of the score on training rows, which a
    leaderboard does not have. Threshold T is the card's ``leaderboard_step`` or four units of the last decimal,
    noise that of Laplace with scale T/4, as the paper has it; it comes from OpenDP, which draws it exactly.
    """

    def __init__(self, card: Card) -> None:
        self._primary = card.primary
        self._ranges = {number.name: number.range for number in (*card.metrics, *card.release.figures)}
        self._threshold = card.release.leaderboard_step or 4 * 10.0**-card.primary.decimals
        self._scale = self._threshold / 4

    def show(self, found: Numbers, aside: Any, memory: Any) -> tuple[Numbers, Any]:
        """See :class:`~participant_kit.secure_side.gate.Mechanism`."""
        name = self._primary.name
        threshold = memory["threshold"] if memory else self._threshold + laplace(2 * self._scale)
        if memory and abs(found[name] - memory["shown"][name]) <= threshold + laplace(4 * self._scale):
            return memory["shown"], memory
        low, high = self._ranges[name]
        shown = {}
        for other, value in found.items():
            least, most = self._ranges[other]
            shown[other] = min(max(value + laplace(self._scale * (most - least) / (high - low)), least), most)
        return shown, {"shown": shown, "threshold": self._threshold + laplace(2 * self._scale)}


def laplace(scale: float) -> float:
    """One draw from the Laplace distribution around 0."""
    import opendp.prelude as dp

    dp.enable_features("contrib")
    space = dp.atom_domain(T=float, nan=False), dp.absolute_distance(T=float)
    return float(dp.m.make_laplace(*space, scale=scale)(0.0))


MECHANISMS: dict[str, Callable[[Card], Mechanism]] = {
    "ladder": Ladder,
    "parameter-free-ladder": ParameterFreeLadder,
    "thresholdout": Thresholdout,
    "rounded": Rounded,
}
"""By the names that a card may use."""


def make_mechanism(card: Card) -> Mechanism:
    """The mechanism that ``card`` names."""
    return MECHANISMS[card.release.leaderboard_mechanism](card)

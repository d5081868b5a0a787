"""What may leave, in plain words, from the card's own numbers."""

from __future__ import annotations

from typing import NamedTuple

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.challenge.card import Card
from participant_kit.challenge.units import format_duration

_MECHANISMS = {
    "ladder": "Your score is shown when it beats your best by {step}; otherwise you see your best again.",
    "parameter-free-ladder": "Your score is shown when it beats your best by more than chance explains.",
    "thresholdout": "Your score is shown, with noise, when it lies further than {step} from the last one shown.",
    "rounded": "Every score is shown, rounded.",
}
_MEANINGS = {
    "state": "whether it was scored, failed, or was refused",
    "tick": "when it was done, in steps of {tick}",
    "stage": "where it failed",
    "cell": "the number of the cell that failed",
    "reason": "why, as one word of a fixed list",
}


class Part(NamedTuple):
    """One thing that may leave, how many values it can take, and its cost in bits."""

    what: str
    values: int
    bits: float


def in_bytes(bits: float) -> str:
    """``64 bytes``, or bits where that is less than two bytes."""
    return f"{bits:,.0f} bits" if bits < 16 else f"{bits / 8:,.0f} bytes"


def promises(card: Card) -> list[str]:
    """The release policy as sentences, the most important first."""
    release, primary = card.release, card.primary
    step = release.leaderboard_step if release.leaderboard_step is not None else 10.0**-primary.decimals
    alphabet = alphabet_of(card)
    said = [
        f"At most {in_bytes(release.budget_bits)} about the data can ever reach one participant per phase.",
        f"At most {in_bytes(release.challenge_budget_bits)} can reach all participants of this challenge together, and "
        f"at most {in_bytes(release.data_budget_bits)} can ever leave of the data set, in every challenge on it.",
        f"One submission reveals at most {alphabet.bits:,.1f} bits; one that could exceed a budget is refused "
        "before it runs.",
        _MECHANISMS[release.leaderboard_mechanism].format(step=f"{step:g}"),
        "A failure tells the stage, the cell and the kind of error; never a message."
        if release.failure_detail == "cell-and-class"
        else "A failure tells the stage at which it happened, and nothing else.",
        "Printed text, figures and the executed notebook never leave.",
    ]
    if release.review:
        said.append("The data holder looks at each result before it leaves, and may hold it back.")
    return said


def parts(card: Card) -> dict[str, list[Part]]:
    """Everything that can leave with one submission, by how it ends."""
    alphabet = alphabet_of(card)
    tick = format_duration(card.release.completion_tick)
    named = {number.name: number for number in (*card.metrics, *card.release.figures)}

    def part(name: str, values: int, bits: float) -> Part:
        if meaning := _MEANINGS.get(name):
            return Part(meaning.format(tick=tick), values, bits)
        number = named[name.partition(":")[2]]
        low, high = (f"{bound:.{number.decimals}f}" for bound in number.range)
        return Part(f"{number.name}, from {low} to {high}", values, bits)

    ways = {
        "always": (alphabet.state, alphabet.tick),
        "if it is scored": alphabet.scores,
        "if it fails": alphabet.failure,
        "if the data holder holds it back": alphabet.refusal,
    }
    return {
        way: [part(field.name, field.size, field.bits) for field in fields] for way, fields in ways.items() if fields
    }

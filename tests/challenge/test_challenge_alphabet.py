"""What may leave is counted: every value that can leave has a place in an alphabet of known size."""

from __future__ import annotations

import math
from itertools import product

import pytest
from support import make_card

from participant_kit.challenge.alphabet import (
    FINAL_STATES,
    REASONS,
    SCORING_TIME,
    STAGES,
    Field,
    alphabet_of,
    tick_count,
)
from participant_kit.challenge.card import Card, Metric

RANGES = [(0, 1), (-1, 1), (0, 0.5), (-0.55, 0.55), (0, 0.05), (0.04, 0.06), (0, 0.0005), (0.15, 2.675), (-3, 7.25)]


def cards() -> list[Card]:
    changes = [
        {},
        {"cell-and-class": "stage"},
        {"100 ms": "7 s"},
        {"{columns": "{max_cells: 3, columns"},
        {"range: [0, 1], decimals: 3, primary": "range: [-2, 9.5], decimals: 6, primary"},
    ]
    return [make_card(**change) for change in changes]


@pytest.mark.parametrize("size", [1, 2, 3, 1001, 1 << 20])
def test_a_field_costs_the_log2_of_the_number_of_its_values(size: int) -> None:
    assert Field("x", size).bits == math.log2(size)


@pytest.mark.parametrize("card", cards(), ids=lambda card: str(alphabet_of(card).bits))
def test_a_submission_costs_the_log2_of_what_it_can_reveal(card: Card) -> None:
    alphabet = alphabet_of(card)
    scores = math.prod(field.size for field in alphabet.scores)
    failures = math.prod(field.size for field in alphabet.failure)
    assert alphabet.bits == pytest.approx(math.log2(len(FINAL_STATES) * tick_count(card) * max(scores, failures)))


@pytest.mark.parametrize(("bounds", "decimals"), list(product(RANGES, (0, 1, 2, 3))))
def test_a_score_has_as_many_values_as_its_field_counts(bounds: tuple[float, float], decimals: int) -> None:
    metric = Metric(name="m", higher_is_better=True, range=bounds, decimals=decimals)
    low, high = bounds
    steps = 20_000
    seen = {metric.rounded(low + (high - low) * step / steps) for step in range(-1, steps + 2)}
    assert len(seen) == metric.levels


def test_every_score_that_can_leave_is_in_the_alphabet() -> None:
    card = make_card()
    for metric, field in zip(card.metrics, alphabet_of(card).scores, strict=True):
        assert field == Field(f"score:{metric.name}", 1001)
        assert {metric.rounded(thousandth / 1000) for thousandth in range(-50, 1050)} == {
            value / 1000 for value in range(1001)
        }


@pytest.mark.parametrize("tick", ["100 ms", "300 ms", "1 s", "7 s", "10 s", "2 h"])
def test_every_tick_until_scoring_must_end_is_in_the_alphabet(tick: str) -> None:
    card = make_card(**{"100 ms": tick})
    last = card.limits.wall_time.total_seconds() + SCORING_TIME
    length = card.release.completion_tick.total_seconds()
    ticks = {math.ceil(seconds / 10 / length) for seconds in range(int(last) * 10 + 1)}
    assert max(ticks) < tick_count(card) == alphabet_of(card).tick.size
    assert max(ticks) >= tick_count(card) - 2


def test_a_failure_is_a_stage_alone_unless_the_card_lets_more_leave() -> None:
    assert alphabet_of(make_card(**{"cell-and-class": "stage"})).failure == (Field("stage", len(STAGES)),)
    stage, cell, reason = alphabet_of(make_card(**{"{columns": "{max_cells: 3, columns"})).failure
    assert (stage.name, cell, reason) == ("stage", Field("cell", len({None, 1, 2, 3})), Field("reason", len(REASONS)))


def test_a_coarser_score_costs_less() -> None:
    fine, coarse = make_card(), make_card(**{"decimals: 3": "decimals: 1"})
    assert alphabet_of(coarse).bits < alphabet_of(fine).bits


@pytest.mark.parametrize("words", [FINAL_STATES, STAGES, REASONS])
def test_no_word_stands_twice_in_a_closed_list(words: tuple[str, ...]) -> None:
    assert len(words) == len(set(words))
    assert all(word.isidentifier() for word in words)


def test_any_reason_that_is_on_no_list_has_a_word() -> None:
    assert "other" in REASONS

"""Scores of a program by Codabench's convention: what is read, what is computed, and what is told of the rest."""

from __future__ import annotations

import pytest
from task_challenge import CARD

from participant_kit.challenge.alphabet import alphabet_of, time_limit
from participant_kit.challenge.card import Card
from participant_kit.challenge.document import parse_document
from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.scores import MAX_KEYS, metrics_of, read_scores

SECRET = "a-label-of-the-reference-data"


def make_card(old: str = "", new: str = "") -> Card:
    assert old in CARD
    return parse_document(CARD.replace(old, new, 1).encode(), Card, "challenge.yaml")


@pytest.mark.parametrize(
    ("content", "scores"),
    [
        (b'{"accuracy": 0.5, "note": "fine"}', {"accuracy": 0.5, "note": "fine"}),
        (b"accuracy: 0.5\nset1_score: -1e-3\n\n", {"accuracy": 0.5, "set1_score": -0.001}),
        (b"accuracy:1", {"accuracy": 1.0}),
        (b"note: a: b", {"note": "a: b"}),
    ],
)
def test_scores_are_an_object_or_lines(content: bytes, scores: dict[str, object]) -> None:
    assert read_scores(content) == scores


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no scores that can be read"),
        (b"[0.5]", "no scores that can be read"),
        (f'"{SECRET}"'.encode(), "no scores that can be read"),
        (b"\xff\xfe", "no scores that can be read"),
        (b"[" * 60_000, "no scores that can be read"),
        ("".join(f"{SECRET}{i}: 1\n" for i in range(MAX_KEYS + 1)).encode(), "more than 1000 keys"),
    ],
)
def test_anything_else_is_told_in_words_that_quote_nothing(content: bytes, said: str) -> None:
    with pytest.raises(ChallengeError, match=said) as raised:
        read_scores(content)
    assert SECRET not in str(raised.value)


def test_metrics_are_read_by_task_and_key_and_computed_of_others() -> None:
    found = {"easy": {"accuracy": 1}, "hard": {"accuracy": 0.5, "other": SECRET}}
    assert metrics_of(make_card(), "development", found) == {
        "easy_accuracy": 1.0,
        "hard_accuracy": 0.5,
        "accuracy": 0.75,
    }


@pytest.mark.parametrize(("computation", "value"), [("sum", 1.5), ("avg", 0.75), ("min", 0.5), ("max", 1.0)])
def test_each_computation_is_what_it_says(computation: str, value: float) -> None:
    card = make_card("computation: avg", f"computation: {computation}")
    found = {"easy": {"accuracy": 1}, "hard": {"accuracy": 0.5}}
    assert metrics_of(card, None, found)["accuracy"] == value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "no finite number"),
        (float("-inf"), "no finite number"),
        (10**400, "no finite number"),
        (SECRET, "is no number"),
        (True, "is no number"),
        ([1], "is no number"),
        (None, "wrote nothing for easy_accuracy"),
    ],
)
def test_a_metric_that_is_no_finite_number_is_told_by_its_name(value: object, said: str) -> None:
    with pytest.raises(ChallengeError, match=said) as raised:
        metrics_of(make_card(), None, {"easy": {"accuracy": value}, "hard": {"accuracy": 1}})
    assert SECRET not in str(raised.value) and "easy_accuracy" in str(raised.value)


def test_a_metric_without_a_task_is_of_the_only_one_of_its_phase() -> None:
    phases = "total: 1000, tasks: [easy]}\n  - {name: final, starts: 2036-01-01, ends: 2037-01-01, tasks: [hard]}"
    text = CARD.replace("total: 1000}", phases).replace("task: easy, ", "").replace("task: hard, ", "")
    card = parse_document(text.encode(), Card, "challenge.yaml")
    assert metrics_of(card, "final", {"hard": {"accuracy": 0.25}})["accuracy"] == 0.25


def test_figures_are_read_under_their_names() -> None:
    card = make_card("release: {", "release: {figures: [{name: gap, range: [0, 9]}], ")
    found = {"easy": {"accuracy": 1}, "hard": {"accuracy": 1, "gap": 3}}
    assert metrics_of(card, None, found)["gap"] == 3.0
    with pytest.raises(ChallengeError, match="wrote nothing for gap"):
        metrics_of(card, None, {"easy": {"accuracy": 1}, "hard": {"accuracy": 1}})


def test_ticks_are_counted_to_the_end_of_the_last_task() -> None:
    card = make_card()
    assert time_limit(card) == 2 * (2 * 60 + 300)
    assert alphabet_of(card).tick.size == time_limit(card) * 10 + 1

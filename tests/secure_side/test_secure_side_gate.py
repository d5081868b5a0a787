"""The release gate lets out the card's fields and nothing else, and counts every bit."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import make_card

from participant_kit.challenge.alphabet import REASONS, STAGES, alphabet_of
from participant_kit.challenge.card import Card
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.receipts import Receipt, verify_receipt
from participant_kit.protocol.sealing import Binding
from participant_kit.secure_side.gate import Finding, Fingerprints, ReleaseGate

KEYS = SecretKeys.generate(Role.BLIND)
BINDING = Binding(challenge="small", phase="development", participant="ada", submission="s-1", reply_to="age1")
SCORES = {"roc_auc_score": 0.81234, "brier_score_loss": 0.2}


class Log:
    """Remembers what the gate appends."""

    def __init__(self) -> None:
        self.lines: list[tuple[Binding, list[tuple[str, Any, float]], dict[str, Any]]] = []
        self.best: dict[str, float] | None = None

    @property
    def bits(self) -> float:
        return sum(bits for _, fields, _ in self.lines for _, _, bits in fields)


def make_gate(log: Log, card: Card) -> ReleaseGate:
    return ReleaseGate(
        card,
        KEYS,
        Fingerprints("c" * 64, "d" * 64, "e" * 64),
        "1.2.3",
        append=lambda *line: log.lines.append(line),
        spent=lambda binding: log.bits,
        best=lambda binding: log.best,
    )


def release(found: Finding, card: Card | None = None, seconds: float = 1.0, log: Log | None = None) -> Receipt:
    log = log or Log()
    released = make_gate(log, card or make_card()).release(BINDING, found, seconds)
    assert log.lines[-1][2] == released.envelope, "what is handed out is what was logged"
    return verify_receipt(released.envelope, [KEYS.public.signing])


def test_scores_are_rounded_to_the_card_s_decimals_and_signed() -> None:
    receipt = release(Finding(scores=SCORES))
    assert receipt.outcome.scores == {"roc_auc_score": 0.812, "brier_score_loss": 0.2}
    assert (receipt.participant, receipt.submission, receipt.data_sha256) == ("ada", "s-1", "d" * 64)


def test_scores_outside_their_range_are_clipped_and_minus_zero_is_zero() -> None:
    scores = release(Finding(scores={"roc_auc_score": 7.5, "brier_score_loss": -0.0})).outcome.scores
    assert scores == {"roc_auc_score": 1.0, "brier_score_loss": 0.0}
    assert math.copysign(1, scores["brier_score_loss"]) == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "0.5", None, True, [0.5], {"a": 1}])
def test_what_is_no_finite_number_is_no_score(value: Any) -> None:
    outcome = release(Finding(scores={**SCORES, "roc_auc_score": value})).outcome
    assert (outcome.state, outcome.scores) == ("failed", None)
    assert outcome.failure and outcome.failure.stage == "scoring"


def test_a_score_that_the_card_does_not_name_does_not_leave() -> None:
    assert set(release(Finding(scores={**SCORES, "secret": 0.1})).outcome.scores or {}) == SCORES.keys()


def test_an_exception_outside_the_list_leaves_as_other() -> None:
    failure = release(Finding(stage="notebook", cell=3, reason="Row42HasCancer")).outcome.failure
    assert failure and (failure.stage, failure.cell, failure.reason) == ("notebook", 3, "other")


@pytest.mark.parametrize("cell", [0, -1, 201, 10**30, True, "3", 2.5])
def test_a_cell_outside_the_notebook_does_not_leave(cell: Any) -> None:
    failure = release(Finding(stage="notebook", cell=cell, reason="KeyError")).outcome.failure
    assert failure and failure.cell is None


def test_failure_detail_is_the_stage_alone_unless_the_card_says_more() -> None:
    card = make_card(**{"failure_detail: cell-and-class": "failure_detail: stage"})
    failure = release(Finding(stage="notebook", cell=3, reason="KeyError"), card).outcome.failure
    assert failure and failure.model_dump() == {"stage": "notebook", "cell": None, "reason": None}


def test_the_time_leaves_in_whole_ticks_and_never_beyond_the_last() -> None:
    card = make_card(**{"completion_tick: 100 ms": "completion_tick: 10 s"})
    assert release(Finding(scores=SCORES), card, 0.001).outcome.tick == 1
    assert release(Finding(scores=SCORES), card, 20.5).outcome.tick == 3
    assert release(Finding(scores=SCORES), card, 1e9).outcome.tick == alphabet_of(card).tick.size - 1


def test_a_refusal_was_decided_before_the_run_and_costs_nothing() -> None:
    receipt = release(Finding(stage="sandbox", reason="budget_spent", refused=True))
    assert (receipt.outcome.state, receipt.bits) == ("refused", 0)


def test_the_budget_is_spent_before_it_can_be_exceeded() -> None:
    card = make_card(**{"release: {": "release: {budget_bits: 100, "})
    log = Log()
    gate = make_gate(log, card)
    releases = 0
    while gate.affords(BINDING):
        gate.release(BINDING, Finding(scores=SCORES), 1)
        releases += 1
    assert releases > 1
    assert log.bits <= 100 < log.bits + alphabet_of(card).bits


def test_the_ladder_shows_a_score_only_when_it_climbs_a_step() -> None:
    card = make_card(**{"leaderboard_mechanism: rounded": "leaderboard_mechanism: ladder"})
    log = Log()
    log.best = {"roc_auc_score": 0.8, "brier_score_loss": 0.25}
    assert release(Finding(scores={**SCORES, "roc_auc_score": 0.8003}), card, log=log).outcome.scores == log.best
    assert release(Finding(scores={**SCORES, "roc_auc_score": 0.2}), card, log=log).outcome.scores == log.best
    climbed = release(Finding(scores={**SCORES, "roc_auc_score": 0.801}), card, log=log).outcome.scores
    assert climbed == {"roc_auc_score": 0.801, "brier_score_loss": 0.2}


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*STAGES, *REASONS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    scores=st.none() | st.dictionaries(st.sampled_from([*SCORES, "other"]), hostile),
    stage=hostile,
    cell=hostile,
    reason=hostile,
    seconds=st.floats(0, 1e12),
)
def test_whatever_comes_from_inside_every_field_is_in_its_alphabet_and_paid_for(
    scores: Any, stage: Any, cell: Any, reason: Any, seconds: float
) -> None:
    card, log = make_card(), Log()
    released = make_gate(log, card).release(BINDING, Finding(scores, stage, cell, reason), seconds)
    receipt = verify_receipt(released.envelope, [KEYS.public.signing])
    outcome, alphabet = receipt.outcome, alphabet_of(card)
    assert log.bits <= alphabet.bits + 1e-9
    assert receipt.bits == pytest.approx(log.bits)
    assert 0 <= outcome.tick < alphabet.tick.size
    if outcome.failure:
        assert outcome.failure.stage in STAGES and outcome.failure.reason in REASONS
        assert outcome.failure.cell is None or 0 < outcome.failure.cell <= card.submission.max_cells
    for metric in card.metrics:
        if outcome.scores:
            steps = (outcome.scores[metric.name] - metric.range[0]) * 10**metric.decimals
            assert abs(steps - round(steps)) < 1e-6 and 0 <= round(steps) < metric.levels
    assert len(json.dumps(outcome.model_dump())) < 300

"""The release gate lets out the card's fields and nothing else, and counts every bit."""

from __future__ import annotations

import base64
import copy
import json
import math
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import mypy.api
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import make_card

from participant_kit.challenge.alphabet import REASONS, STAGES, alphabet_of
from participant_kit.challenge.card import Card
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys, held_together
from participant_kit.protocol.receipts import Receipt, ReceiptError, verify_receipt, verify_with
from participant_kit.protocol.sealing import Binding
from participant_kit.secure_side import gate
from participant_kit.secure_side.gate import HELD, RESULT, Fields, Finding, Released, ReleaseGate, content_of
from participant_kit.secure_side.leaderboard import make_mechanism

KEYS = SecretKeys.generate(Role.BLIND)
BINDING = Binding(challenge="small", phase="development", participant="ada", submission="s-1", reply_to="age1")
SCORES = {"roc_auc_score": 0.81234, "brier_score_loss": 0.2}


class Log:
    """A record in memory: what the gate appends, and what it has reserved."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Binding, Fields, dict[str, Any]]] = []
        self.open: dict[str, float] = {}
        self.kept: Any = None
        self.elsewhere = (0.0, 0.0, 0.0)

    def held(self) -> nullcontext[None]:
        return nullcontext()

    def append(self, kind: str, binding: Binding, fields: Fields, message: Any, reserved: float, memory: Any) -> None:
        self.lines.append((kind, binding, fields, message))
        self.open.pop(binding.submission, None)
        if reserved:
            self.open[binding.submission] = reserved
        if kind == RESULT and memory is not None:
            self.kept = memory

    def sent(self, submission: str, kind: str) -> tuple[Fields, dict[str, Any], Any] | None:
        found = [line for line in self.lines if (line[0], line[1].submission) == (kind, submission)]
        return (found[-1][2], found[-1][3], None) if found else None

    def is_open(self, binding: Binding) -> bool:
        return binding.submission in self.open

    def charged(self, binding: Binding) -> tuple[float, float, float]:
        mine = self.bits + sum(self.open.values())
        return tuple(mine + other for other in self.elsewhere)  # type: ignore[return-value]

    def memory(self, binding: Binding) -> Any:
        return self.kept

    @property
    def bits(self) -> float:
        return sum(bits for kind, _, fields, _ in self.lines for _, _, bits in fields if kind != HELD)


def make_gate(log: Log, card: Card, keys: SecretKeys = KEYS) -> ReleaseGate:
    facts = {"card_sha256": "c" * 64, "data_root": "d" * 64, "environment_sha256": "e" * 64}
    return ReleaseGate(card, keys, facts | {"runner_version": "1.2.3"}, log, make_mechanism(card))


def read(released: Released | None) -> Receipt:
    assert released
    submission, envelope = content_of(released)
    receipt = verify_receipt(json.loads(envelope), [KEYS.public.signing])
    assert receipt.submission == submission
    return receipt


def release(found: Finding, card: Card | None = None, seconds: float = 1.0, log: Log | None = None) -> Receipt:
    log = log or Log()
    released = make_gate(log, card or make_card()).release(BINDING, found, seconds)
    assert released and json.loads(content_of(released)[1]) == log.lines[-1][3], "what is handed out is what was logged"
    return read(released)


def binding(number: int) -> Binding:
    return BINDING.model_copy(update={"submission": f"s-{number}"})


def test_scores_are_rounded_to_the_card_s_decimals_and_signed() -> None:
    receipt = release(Finding(scores=SCORES))
    assert receipt.outcome.scores == {"roc_auc_score": 0.812, "brier_score_loss": 0.2}
    assert (receipt.participant, receipt.submission, receipt.data_root) == ("ada", "s-1", "d" * 64)


def test_scores_outside_their_range_are_clipped_and_minus_zero_is_zero() -> None:
    scores = release(Finding(scores={"roc_auc_score": 7.5, "brier_score_loss": -0.0})).outcome.scores
    assert scores == {"roc_auc_score": 1.0, "brier_score_loss": 0.0}
    assert math.copysign(1, scores["brier_score_loss"]) == 1


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 10**400, -(10**400), "0.5", None, True, [0.5], {"a": 1}]
)
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
    receipt = read(make_gate(Log(), make_card()).refuse(BINDING, "budget_spent"))
    assert (receipt.outcome.state, receipt.bits) == ("refused", 0)
    assert receipt.outcome.failure and receipt.outcome.failure.reason == "budget_spent"


@pytest.mark.parametrize("budget", ["budget_bits", "challenge_budget_bits", "data_budget_bits"])
def test_each_budget_is_spent_before_it_can_be_exceeded(budget: str) -> None:
    card = make_card(**{"release: {": f"release: {{{budget}: 100, "})
    log = Log()
    sluice = make_gate(log, card)
    releases = 0
    while sluice.start(binding(releases)):
        sluice.release(binding(releases), Finding(scores=SCORES), 1)
        releases += 1
    assert releases > 1
    assert log.bits <= 100 < log.bits + alphabet_of(card).bits


@pytest.mark.parametrize("scope", [0, 1, 2])
def test_what_was_told_to_others_counts_too(scope: int) -> None:
    log, limits = Log(), [512.0, 32768.0, 65536.0]
    most = alphabet_of(make_card()).bits
    log.elsewhere = tuple(limits[i] - most if i == scope else 0.0 for i in range(3))  # type: ignore[assignment]
    sluice = make_gate(log, make_card())
    assert sluice.start(binding(1)), "exactly what is left may be used"
    assert not sluice.start(binding(2)), "what runs is reserved at its dearest"


def test_a_run_that_is_begun_again_has_told_its_tick_each_time() -> None:
    log, tick = Log(), alphabet_of(make_card()).tick.bits
    sluice = make_gate(log, make_card())
    for _ in range(3):
        assert sluice.start(BINDING)
    assert log.bits == pytest.approx(2 * tick)
    sluice.stop(BINDING)
    assert log.bits == pytest.approx(3 * tick)
    assert not log.open


def test_a_submission_has_one_result_whatever_is_found_the_second_time() -> None:
    log = Log()
    sluice = make_gate(log, make_card())
    first = read(sluice.release(BINDING, Finding(scores=SCORES), 1))
    assert read(sluice.release(BINDING, Finding(stage="notebook"), 7)) == first
    assert read(sluice.refuse(BINDING, "budget_spent")) == first
    assert read(sluice.again(BINDING)) == first
    assert len(log.lines) == 1


def test_a_message_in_the_log_that_no_runner_signed_is_not_sent() -> None:
    log = Log()
    sluice = make_gate(log, make_card())
    sluice.release(BINDING, Finding(scores=SCORES), 1)
    log.lines[0][3]["payload"] = base64.b64encode(b'{"row": 4711}').decode()
    with pytest.raises(ReceiptError):
        sluice.again(BINDING)


REVIEWED = {"release: {": "release: {review: true, "}
NEXT, STRANGER = SecretKeys.generate(Role.BLIND), SecretKeys.generate(Role.BLIND)
RING = KeyRing(runners=[KEYS.public, NEXT.public])
REVOKED = RING.model_copy(update={"revocations": [NEXT.revoke(KEYS.public.signing, "disk stolen")]})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (held_together([KEYS], RING), held_together([NEXT], RING)),
        (KEYS, held_together([KEYS, NEXT], RING)),
        (KEYS, held_together([NEXT], REVOKED)),
    ],
    ids=["two runners", "after a rotation", "after a revocation"],
)
def test_what_a_runner_released_is_found_by_the_next_one_and_is_sent_again_as_it_was(
    first: SecretKeys, second: SecretKeys
) -> None:
    log = Log()
    before = make_gate(log, make_card(), first).release(BINDING, Finding(scores=SCORES), 1)
    found = make_gate(log, make_card(), second).again(BINDING)
    assert before and found and content_of(found) == content_of(before)
    assert len(log.lines) == 1


@pytest.mark.parametrize("ring", [RING, REVOKED])
def test_what_waited_while_the_keys_changed_leaves_signed_with_the_new_ones(ring: KeyRing) -> None:
    log, card = Log(), make_card(**REVIEWED)
    make_gate(log, card).release(BINDING, Finding(scores=SCORES), 1)
    released = make_gate(log, card, held_together([NEXT], ring)).decide(BINDING, None)
    assert released
    assert verify_with(json.loads(content_of(released)[1]), REVOKED).outcome.state == "scored"


def test_what_a_stranger_signed_into_the_log_is_not_sent() -> None:
    log = Log()
    make_gate(log, make_card(), STRANGER).release(BINDING, Finding(scores=SCORES), 1)
    with pytest.raises(ReceiptError, match="not signed by a runner"):
        make_gate(log, make_card(), held_together([KEYS, NEXT], RING)).again(BINDING)


def test_with_a_review_nothing_is_handed_out_before_the_holder_says_yes() -> None:
    log = Log()
    sluice = make_gate(log, make_card(**REVIEWED))
    sluice.start(BINDING)
    assert sluice.release(BINDING, Finding(scores=SCORES), 1) is None
    assert sluice.again(BINDING) is None
    assert (log.lines[-1][0], log.bits, sum(log.open.values())) == (HELD, 0, alphabet_of(make_card(**REVIEWED)).bits)
    waiting = log.lines[-1][3]
    released = sluice.decide(BINDING, None)
    assert released and json.loads(content_of(released)[1]) == waiting
    assert log.bits == pytest.approx(read(released).bits)


@pytest.mark.parametrize(("said", "leaves"), [("looks_like_data", "looks_like_data"), ("Row 4711!", "held_back")])
def test_what_is_held_back_leaves_as_a_word_of_the_closed_list_and_is_paid_for(said: str, leaves: str) -> None:
    log, card = Log(), make_card(**REVIEWED)
    sluice, alphabet = make_gate(log, card), alphabet_of(card)
    sluice.release(BINDING, Finding(scores=SCORES), 1)
    receipt = read(sluice.decide(BINDING, said))
    assert receipt.outcome.failure and receipt.outcome.failure.reason == leaves
    assert (receipt.outcome.state, receipt.outcome.scores) == ("refused", None)
    assert receipt.bits == pytest.approx(alphabet.state.bits + alphabet.tick.bits + math.log2(3), abs=1e-6)
    assert sluice.decide(BINDING, None) and read(sluice.decide(BINDING, None)) == receipt, "a decision is for ever"


def test_nothing_is_decided_on_what_does_not_wait() -> None:
    assert make_gate(Log(), make_card(**REVIEWED)).decide(BINDING, None) is None


def test_only_the_gate_makes_what_can_be_sent() -> None:
    released = make_gate(Log(), make_card()).refuse(BINDING, "other")
    for forged in (object.__new__(Released), envelope_like(released), copy.copy(BINDING), None, "sent"):
        with pytest.raises(TypeError):
            content_of(forged)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Released(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        content_of(copy.deepcopy(released))
    with pytest.raises((TypeError, AttributeError)):
        released.envelope = {}  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        content_of(type("Mine", (Released,), {"__init__": lambda self: None})())  # type: ignore[misc]


def envelope_like(released: Released) -> Any:
    class Lookalike:
        submission, envelope = content_of(released)

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return hash(released)

    return Lookalike()


def test_a_type_checker_sees_a_forgery(tmp_path: Path) -> None:
    calls = ["Released()", "Released('s', {})", "Released(None)"]
    lines = ["from participant_kit.secure_side.gate import Released", *calls]
    (tmp_path / "forgery.py").write_text("\n".join(lines))
    configured = Path(gate.__file__).parents[2] / "pyproject.toml"  # as all is checked, so what was found is used again
    said, _, _ = mypy.api.run([str(tmp_path / "forgery.py"), "--config-file", str(configured)])
    for number in (2, 3, 4):
        assert f"forgery.py:{number}: error" in said, said


def test_the_gate_can_be_read_in_one_sitting() -> None:
    text = Path(gate.__file__).read_text()
    assert len(text.splitlines()) < 200
    ours = {line.split()[1] for line in text.splitlines() if line.startswith("from participant_kit")}
    assert all(name.startswith(("participant_kit.challenge.", "participant_kit.protocol.")) for name in ours), ours


def test_nobody_else_reaches_into_the_gate() -> None:
    package = Path(gate.__file__).parents[1]
    for path in package.rglob("*.py"):
        if path.name != "gate.py":
            assert not re.search(r"gate(\._|.*import.* _)", path.read_text()), path
    users = [path.name for path in package.rglob("*.py") if re.search(r"\bcontent_of\b", path.read_text())]
    assert sorted(users) == ["gate.py", "outlet.py"]


FIGURES = {
    "metrics:\n  -": "scoring: scoring\nmetrics:\n  -",
    "release: {": "release: {figures: [{name: age_gap, range: [-10, 10], decimals: 1}], ",
}


def test_a_figure_leaves_rounded_and_is_paid_for_like_a_score() -> None:
    card, log = make_card(**FIGURES), Log()
    receipt = release(Finding(scores={**SCORES, "age_gap": 3.14159}), card, log=log)
    assert receipt.outcome.figures == {"age_gap": 3.1}
    assert alphabet_of(card).bits - alphabet_of(make_card()).bits == pytest.approx(math.log2(201))
    assert ("figure:age_gap", 3.1, math.log2(201)) in log.lines[-1][2]


def test_a_figure_that_is_missing_is_a_failure_of_scoring() -> None:
    outcome = release(Finding(scores=SCORES), make_card(**FIGURES)).outcome
    assert outcome.failure and outcome.failure.stage == "scoring"


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
    receipt = read(released)
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

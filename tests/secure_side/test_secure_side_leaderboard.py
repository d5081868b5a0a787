"""What each mechanism of the live leaderboard shows, and that a restart changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import make_card

from participant_kit.challenge.card import Card
from participant_kit.challenge.metrics import METRICS
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.sealing import Binding
from participant_kit.secure_side.best import BestPredictions
from participant_kit.secure_side.egress import LOG, EgressLog
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.gate import Finding, ReleaseGate
from participant_kit.secure_side.leaderboard import MECHANISMS, laplace, make_mechanism
from participant_kit.secure_side.metrics_program import check_and_score, standard_error
from participant_kit.secure_side.record import ChallengeRecord

KEYS = SecretKeys.generate(Role.BLIND)
BEST = {"roc_auc_score": 0.8, "brier_score_loss": 0.25}


def card(mechanism: str, step: float | None = None, **changes: str) -> Card:
    more = f", leaderboard_step: {step}" if step else ""
    return make_card(**{"leaderboard_mechanism: rounded": f"leaderboard_mechanism: {mechanism}{more}", **changes})


def auc(value: float) -> dict[str, float]:
    return {"roc_auc_score": value, "brier_score_loss": 0.2}


def test_every_mechanism_of_the_card_is_there() -> None:
    from participant_kit.challenge.card import Release

    annotation = Release.model_fields["leaderboard_mechanism"].annotation
    assert set(annotation.__args__) == set(MECHANISMS)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("found", "shown"), [(0.8003, 0.8), (0.2, 0.8), (0.8009, 0.8), (0.801, 0.801), (0.9, 0.9), (0.81234, 0.812)]
)
def test_the_ladder_shows_a_score_only_when_it_climbs_a_step(found: float, shown: float) -> None:
    answer, _ = make_mechanism(card("ladder")).show(auc(found), None, {"shown": BEST})
    assert answer["roc_auc_score"] == pytest.approx(shown, abs=5e-4)
    assert answer == BEST or answer["roc_auc_score"] != BEST["roc_auc_score"], "all of the answer, or none of it"


def test_the_ladder_goes_in_steps_of_the_card() -> None:
    ladder = make_mechanism(card("ladder", 0.05))
    assert ladder.show(auc(0.84), None, {"shown": BEST})[0] == BEST
    assert ladder.show(auc(0.86), None, {"shown": BEST})[0]["roc_auc_score"] == 0.85


def test_where_less_is_better_the_ladder_goes_down() -> None:
    changes = {"true, range: [0, 1], decimals: 3, primary: true": "true, range: [0, 1], decimals: 3"}
    changes["false, range: [0, 1], decimals: 3"] = "false, range: [0, 1], decimals: 3, primary: true"
    ladder = make_mechanism(card("ladder", **changes))
    worse, better = {**BEST, "brier_score_loss": 0.26}, {**BEST, "brier_score_loss": 0.24}
    assert ladder.show(worse, None, {"shown": BEST})[0] == BEST
    assert ladder.show(better, None, {"shown": BEST})[0] == better


def test_the_parameter_free_ladder_climbs_by_more_than_chance_explains() -> None:
    ladder = make_mechanism(card("parameter-free-ladder"))
    shown, memory = ladder.show(auc(0.8), {"chance": None, "against": None, "submission": "a"}, None)
    assert (shown["roc_auc_score"], memory["best"]) == (0.8, "a")
    assert ladder.show(auc(0.81), {"chance": 0.02, "against": "a", "submission": "b"}, memory) == (shown, memory)
    shown, memory = ladder.show(auc(0.83), {"chance": 0.02, "against": "a", "submission": "c"}, memory)
    assert (shown["roc_auc_score"], memory["best"]) == (0.83, "c")
    with pytest.raises(SecureSideError, match="Another runner"):
        ladder.show(auc(0.9), {"chance": 0.02, "against": "a", "submission": "d"}, memory)


def test_chance_is_the_step_of_the_paper_where_the_metric_is_a_mean() -> None:
    random = np.random.default_rng(1)
    truth = pd.Series(random.integers(0, 2, 4000))
    one, other = (pd.Series((truth + (random.random(4000) < share)) % 2) for share in (0.3, 0.35))
    losses = (one != truth).astype(float) - (other != truth).astype(float)
    expected = losses.std() / np.sqrt(4000)
    assert standard_error(METRICS["accuracy_score"], truth, one, other) == pytest.approx(expected, rel=0.25)
    assert standard_error(METRICS["accuracy_score"], truth, one, one) == 0


def test_the_scorer_compares_with_the_best_predictions() -> None:
    csv = b"id,prediction\n" + b"".join(b"%d,0.%d\n" % (i, i) for i in range(1, 9))
    test, labels = pd.DataFrame({"id": range(1, 9)}), pd.DataFrame({"id": range(1, 9), "ill": [0, 1, 0, 0, 1, 1, 0, 1]})
    verdict, _ = check_and_score(card("parameter-free-ladder"), csv, test, labels, csv.replace(b"0.", b"0.9"))
    assert verdict["chance"] >= 0
    assert "chance" not in check_and_score(card("parameter-free-ladder"), csv, test, labels)[0]


def test_thresholdout_repeats_itself_until_a_score_lies_far_away() -> None:
    mechanism = make_mechanism(card("thresholdout", 0.04))
    near = [mechanism.show(auc(0.8), None, {"shown": BEST, "threshold": 2.0})[0] for _ in range(50)]
    far = [mechanism.show(auc(0.1), None, {"shown": BEST, "threshold": 0.04})[0] for _ in range(50)]
    assert all(shown == BEST for shown in near)
    assert sum(shown == BEST for shown in far) == 0
    values = [shown["roc_auc_score"] for shown in far]
    assert len(set(values)) == 50, "each answer has noise of its own"
    assert np.median(values) == pytest.approx(0.1, abs=0.01)


def test_the_noise_is_that_of_laplace() -> None:
    draws = [abs(laplace(2.0)) for _ in range(4000)]
    assert np.mean(draws) == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
def test_a_restart_keeps_what_the_mechanism_knows(tmp_path: Path, mechanism: str) -> None:
    shown = []
    for number, value in enumerate((0.8, 0.8001, 0.79)):
        log = EgressLog(tmp_path / LOG, KEYS)
        record = ChallengeRecord(log, "survey")
        gate = ReleaseGate(card(mechanism, 0.1), KEYS, FACTS, record, make_mechanism(card(mechanism, 0.1)))
        aside = {"chance": 0.02, "against": "s-0" if number else None, "submission": f"s-{number}"}
        assert gate.start(binding(number))
        gate.release(binding(number), Finding(scores=auc(value), aside=aside), 1)
        log.close()
        fields = log.ledger.lines[f"s-{number}", "result"].fields
        shown.append(next(field.value for field in fields if field.name == "score:roc_auc_score"))
    if mechanism == "rounded":
        assert shown == [0.8, 0.8, 0.79]
    elif mechanism != "thresholdout":  # whose threshold is random; see above
        assert shown == [0.8, 0.8, 0.8]
    assert "memory" not in str(log.ledger.lines["s-2", "result"].message)


FACTS = {"card_sha256": "c", "data_root": "d", "environment_sha256": "e", "runner_version": "1"}


def binding(number: int) -> Binding:
    named = {"challenge": "small", "phase": "development", "participant": "ada", "submission": f"s-{number}"}
    return Binding(**named, reply_to="", notebook_sha256="0" * 64)


def test_the_best_predictions_are_kept_and_no_others_but_the_last(tmp_path: Path) -> None:
    log = EgressLog(tmp_path / LOG, KEYS)
    record = ChallengeRecord(log, "survey")
    best = BestPredictions(tmp_path / "best", record)
    for number in range(4):
        best.keep(binding(number), b"%d" % number)
        if number == 1:
            record.append("result", binding(1), [], {}, 0.0, {"best": "s-1"})
    kept = best.of(binding(9))
    assert kept and kept.read_bytes() == b"1"
    assert {path.name for path in kept.parent.iterdir()} == {"s-1", "s-3"}
    kept.unlink()
    with pytest.raises(SecureSideError, match="are lost"):
        best.of(binding(9))
    log.close()


def test_predictions_are_kept_while_their_message_waits_and_others_of_the_participant_wait_for_it(
    tmp_path: Path,
) -> None:
    log = EgressLog(tmp_path / LOG, KEYS)
    record = ChallengeRecord(log, "survey")
    best = BestPredictions(tmp_path / "best", record)
    best.keep(binding(0), b"0")
    record.append("held", binding(0), [], {}, 9.0, {"best": "s-0"})
    assert [line.submission for line in record.others(binding(1))] == ["s-0"]
    assert record.others(binding(0)) == []
    best.keep(binding(1), b"1")
    record.append("result", binding(0), [], {}, 0.0, {"best": "s-0"})
    assert record.others(binding(1)) == []
    kept = best.of(binding(1))
    assert kept and kept.read_bytes() == b"0"
    log.close()

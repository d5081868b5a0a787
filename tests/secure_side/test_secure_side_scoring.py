"""Scoring in its own sandbox: named metrics, an organizer's program, and predictions of every bad kind."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support import make_card

from participant_kit.challenge.alphabet import REASONS
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import Environment
from participant_kit.execution.sandbox import Sandbox, get_sandbox
from participant_kit.secure_side.scoring import Scorer

pytestmark = pytest.mark.sandbox

GOOD = b"id,prediction\n" + b"".join(b"%d,0.%d\n" % (i, i) for i in range(1, 7))


@pytest.fixture(scope="module")
def scorer(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scorer]:
    """One for named metrics, forked from one template for all tests."""
    sandbox = get_sandbox("template")
    yield make_scorer(tmp_path_factory.mktemp("challenge"), environment, sandbox=sandbox)
    sandbox.close()


def make_scorer(
    root: Path,
    environment: Environment,
    program: str | None = None,
    command: str = "",
    output: str = "predictions.csv",
    sandbox: Sandbox | None = None,
) -> Scorer:
    card = make_card().model_dump(mode="json")
    card["submission"]["output"] = output
    if program is not None:
        (root / "scoring").mkdir()
        (root / "scoring" / "score.py").write_text(program)
        (root / "scoring" / "metadata.yaml").write_text(f"command: {command or 'python3 score.py $input $output'}\n")
        card["scoring"] = "scoring"
    (root / "challenge.yaml").write_text(yaml.safe_dump(card))
    return Scorer(ChallengeFolder(root), environment.prefix, sandbox or get_sandbox())


def test_named_metrics_are_those_of_scikit_learn(scorer: Scorer, same_tables: Path) -> None:
    from sklearn.metrics import brier_score_loss, roc_auc_score

    truth, guess = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    scores = scorer.score(GOOD, same_tables)["scores"]
    assert scores["roc_auc_score"] == pytest.approx(roc_auc_score(truth, guess))
    assert scores["brier_score_loss"] == pytest.approx(brier_score_loss(truth, guess))


def test_the_order_of_the_rows_does_not_matter(scorer: Scorer, same_tables: Path) -> None:
    header, *rows = GOOD.splitlines(keepends=True)
    assert scorer.score(header + b"".join(reversed(rows)), same_tables) == scorer.score(GOOD, same_tables)


@pytest.mark.parametrize(
    ("predictions", "reason"),
    [
        (GOOD[: GOOD.rfind(b"6,")], "missing_rows"),
        (GOOD + b"6,0.1\n", "duplicate_rows"),
        (GOOD + b"7,0.1\n", "unknown_rows"),
        (GOOD.replace(b"id,", b"number,"), "wrong_columns"),
        (GOOD.replace(b"0.3", b"NaN"), "not_finite"),
        (GOOD.replace(b"0.3", b"inf"), "not_finite"),
        (GOOD.replace(b"0.3", b"high"), "wrong_type"),
        (GOOD.replace(b"3,", b"3.5,"), "wrong_type"),
        (b"\x80\x04\x95\x00pickle", "unreadable"),
        (b"", "unreadable"),
        (b"id,prediction\n" + b"1,0.5\n" * 10_000_000, "too_many_rows"),
        (b"id,prediction\n" + b"1," + b"9" * 5_000_000, "unreadable"),
    ],
)
def test_bad_predictions_have_a_reason_and_no_score(
    scorer: Scorer, same_tables: Path, predictions: bytes, reason: str
) -> None:
    verdict = scorer.score(predictions, same_tables)
    assert (verdict["reason"], "scores" in verdict) == (reason, False), verdict


def test_a_file_for_which_pyarrow_would_take_16_gb_ends_its_own_scoring_alone(
    tmp_path: Path, tables: Path, environment: Environment
) -> None:
    """Found by make fuzz."""
    scorer = make_scorer(tmp_path, environment, output="predictions.parquet")
    bomb = Path(__file__).parents[1] / "fuzz" / "bounded" / "memory.parquet"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    verdict = scorer.score(bomb.read_bytes(), tables)
    assert "scores" not in verdict
    assert verdict["reason"] in REASONS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


PROGRAM = """
import json, sys
from pathlib import Path
import pandas as pd
source, target = map(Path, sys.argv[1:])
truth = pd.read_parquet(source / "ref" / "labels.parquet")
guess = pd.read_csv(source / "res" / "predictions.csv")
both = truth.merge(guess, on="id")
json.dump({"hits": float(((both.prediction > 0.25) == both.ill).mean())}, (target / "scores.json").open("w"))
"""


def test_an_organizer_s_program_reads_ref_and_res_and_writes_scores(
    tmp_path: Path, tables: Path, environment: Environment
) -> None:
    assert make_scorer(tmp_path, environment, PROGRAM).score(GOOD, tables) == {"scores": {"hits": pytest.approx(5 / 6)}}


def test_an_organizer_s_program_sees_checked_predictions_only(
    tmp_path: Path, tables: Path, environment: Environment
) -> None:
    scorer = make_scorer(tmp_path, environment, PROGRAM)
    assert scorer.score(b"id,prediction\n1,oops\n", tables)["reason"] == "wrong_type"


@pytest.mark.parametrize(
    "program",
    ["raise SystemExit(1)", "pass", "open('/app/output/scores.json', 'w').write('no json')",
     "open('/app/output/scores.json', 'w').write('[1]')",
     "import os; os.symlink('/etc/passwd', '/app/output/scores.json')",
     "open('/app/output/scores.json', 'w').write('{\"a\": ' + '1' * 100_000 + '}')"],
)  # fmt: skip
def test_a_program_that_gives_no_scores_is_a_failure_of_scoring(
    tmp_path: Path, tables: Path, environment: Environment, program: str
) -> None:
    assert make_scorer(tmp_path, environment, program).score(GOOD, tables)["stage"] == "scoring"


def test_a_program_that_does_not_end_says_so_in_a_word_of_the_list(
    tmp_path: Path, tables: Path, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("participant_kit.secure_side.scoring.SCORING_TIME", 6)
    scorer = make_scorer(tmp_path, environment, "import time; time.sleep(600)")
    verdict = scorer.score(GOOD, tables)
    assert (verdict["stage"], verdict["reason"]) == ("scoring", "TimeoutError")
    assert verdict["reason"] in REASONS

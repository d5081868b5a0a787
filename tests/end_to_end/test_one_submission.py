"""One notebook, run blind: a score and nothing else comes back."""

from __future__ import annotations

import math

import pandas as pd
from house import ON_REAL_DATA, SLUG, SOLUTION, House, processes, wait_until
from sklearn.metrics import roc_auc_score

from participant_kit.participant import Submission
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State

SECRET = "a-value-of-the-real-data-4711"


def states_of(submission: Submission) -> list[str]:
    """Every state on the way to the end, once each."""
    seen: list[str] = []
    submission.wait(90, lambda status: seen.append(status.state.value))
    return list(dict.fromkeys(seen))


def test_a_notebook_is_rehearsed_run_blind_scored_and_signed(house: House) -> None:
    submission = house.submit(SOLUTION)
    states = states_of(submission)
    assert set(states) <= {"queued", "rehearsing", "running", "scored"}
    assert states[-1] == "scored"
    tables = house.challenge.private_dir("development")
    test, labels = (pd.read_parquet(tables / f"{name}.parquet").set_index("id") for name in ("test", "labels"))
    expected = round(float(roc_auc_score(labels.ill.astype(int), test.x[labels.index])), 3)
    assert submission.scores and submission.scores["roc_auc_score"] == expected
    receipt = submission.receipt()
    assert (receipt.participant, receipt.submission, receipt.outcome.state) == ("ada", submission.id, "scored")
    board = house.client().leaderboard(SLUG)
    assert (board.rows[0].participant, board.rows[0].scores["roc_auc_score"]) == ("ada", expected)


def test_every_field_that_left_is_in_the_egress_log_with_its_bits(house: House) -> None:
    submission = house.submit(SOLUTION).wait(90)
    (line,) = house.released(submission)
    assert [field.name for field in line.fields] == ["state", "score:roc_auc_score", "score:brier_score_loss", "tick"]
    assert math.isclose(line.bits, sum(field.bits for field in line.fields), abs_tol=1e-6)
    assert math.isclose(line.bits, submission.receipt().bits, abs_tol=1e-6)
    assert line.message == submission.envelope()


def test_the_gateway_holds_no_notebook_and_no_data(house: House) -> None:
    submission = house.submit(SOLUTION + f"\n# {SECRET}\nprint('{SECRET}')").wait(90)
    assert submission.state is State.SCORED
    for content in house.gateway_bytes():
        assert SECRET.encode() not in content
        assert b"read_parquet" not in content.replace(b"sample", b"") or b"starter_notebooks" in content


def test_a_notebook_that_fails_on_the_sample_comes_back_with_its_whole_log_and_costs_nothing(house: House) -> None:
    used = house.client().quota(SLUG).used_total
    released = len(house.egress())
    submission = house.submit("print('so far so good')", "1 / 0").wait(90)
    assert (submission.state, submission.status.counted) == (State.FAILED, False)
    report = submission.log()
    assert (report.stage, report.cell, report.reason) == ("notebook", 4, "ZeroDivisionError")
    assert "so far so good" in report.log
    assert "1 / 0" in report.log
    assert house.client().quota(SLUG).used_total == used
    assert len(house.egress()) == released  # nothing has left the real data
    assert all(b"so far so good" not in content for content in house.gateway_bytes())


def test_a_failure_on_the_real_data_tells_cell_and_class_and_nothing_else(house: House) -> None:
    submission = house.submit(ON_REAL_DATA, f"if real: raise KeyError('{SECRET}')", SOLUTION).wait(90)
    assert (submission.state, submission.status.counted) == (State.FAILED, True)
    failure = submission.failure
    assert failure and (failure.stage, failure.cell, failure.reason) == ("notebook", 4, "KeyError")
    (line,) = house.released(submission)
    assert [field.name for field in line.fields] == ["state", "stage", "cell", "reason", "tick"]
    everything = [*house.gateway_bytes(), *(house.log_of(name).encode() for name in ("gateway", "blind", "rehearsal"))]
    assert all(SECRET.encode() not in content for content in everything)


def test_what_is_printed_on_the_real_data_stays_there(house: House) -> None:
    submission = house.submit(ON_REAL_DATA, f"print('{SECRET}', real)", SOLUTION).wait(90)
    assert submission.state is State.SCORED
    places = [house.root / "blind-state", house.root / "gateway", house.home]
    files = [path for place in places for path in place.rglob("*") if path.is_file() and "notebook" not in path.name]
    assert all(f"{SECRET} True".encode() not in path.read_bytes() for path in files)


def test_a_submission_that_runs_can_be_cancelled(house: House) -> None:
    submission = house.submit(ON_REAL_DATA, "import time\nif real: time.sleep(50)", SOLUTION)
    wait_until(lambda: submission.refresh().state is State.RUNNING)
    wait_until(lambda: bool(processes("pkit-kernel", house.parts["blind"].pid)))
    assert submission.cancel().state is State.CANCELLED
    wait_until(lambda: not processes("pkit-kernel", house.parts["blind"].pid), 10, "the sandbox is gone")
    assert house.submit(SOLUTION).wait(90).state is State.SCORED
    assert submission.refresh().state is State.CANCELLED


def test_the_two_roles_have_keys_and_tokens_of_their_own(house: House) -> None:
    ring = {keys.role: keys for keys in house.kit and house.client().challenge(SLUG).keys.runners}
    assert set(ring) == {Role.BLIND, Role.REHEARSAL}
    assert ring[Role.BLIND].sealing != ring[Role.REHEARSAL].sealing

"""A challenge with two tasks, by Codabench's convention, in real processes: published, joined, rehearsed, run blind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import processes, wait_until
from task_challenge import MODEL, SCORING, SOLUTION
from task_house import TaskHouse

from participant_kit.participant import Client
from participant_kit.participant.rehearse import rehearse_notebook
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskHouse]:
    house = TaskHouse(tmp_path_factory.mktemp("tasks"), (Role.REHEARSAL, Role.BLIND))
    try:
        house.open()
        yield house
    finally:
        house.close()


def said_by(house: TaskHouse) -> str:
    """What the blind runner has told its holder, on one line."""
    return " ".join(house.log_of("blind").split())


def test_code_for_the_ingestion_program_is_run_and_scored_on_each_task(house: TaskHouse) -> None:
    submission = house.submit(SOLUTION).wait(120)
    assert submission.state is State.SCORED, (submission.failure, house.log_of("blind"))
    assert submission.scores == {"easy_accuracy": 1.0, "hard_accuracy": 0.75, "accuracy": 0.875}
    (line,) = house.released(submission)
    assert [field.name for field in line.fields] == [
        "state",
        "score:easy_accuracy",
        "score:hard_accuracy",
        "score:accuracy",
        "tick",
    ]
    board = house.client().leaderboard("small-tasks")
    assert board.rows[0].scores["accuracy"] == 0.875
    kept = (*house.gateway_bytes(), *(house.log_of(name).encode() for name in ("gateway", "blind")))
    assert all(b"THE LABELS ARE" not in content for content in kept), "what a program prints has left"


def test_code_that_fails_on_the_sample_comes_back_with_its_whole_log(house: TaskHouse) -> None:
    submission = house.submit(SOLUTION.replace("number >", "other >")).wait(120)
    assert (submission.state, submission.status.counted) == (State.FAILED, False)
    report = submission.log()
    assert report.stage == "output" and "NameError: name 'other' is not defined" in report.log


def test_code_that_fails_on_the_real_data_tells_its_stage_alone(house: TaskHouse) -> None:
    fails = MODEL.replace("return", "assert number != 0.4, number\n    return")
    submission = house.submit(SOLUTION.replace(repr(MODEL), repr(fails))).wait(120)
    assert (submission.state, submission.status.counted) == (State.FAILED, True)
    assert submission.failure and (submission.failure.stage, submission.failure.reason) == ("output", "other")
    assert "The ingestion program ended with an error." in said_by(house)


def test_scores_that_are_none_are_told_to_the_holder_and_fail_in_a_word_of_the_list(house: TaskHouse) -> None:
    program = house.challenge.root / "scoring_program" / "score.py"
    try:
        program.write_text(SCORING.replace('"accuracy": hits / len(truth)', '"accuracy": truth'))
        submission = house.submit(SOLUTION).wait(120)
    finally:
        program.write_text(SCORING)
    assert submission.failure and (submission.failure.stage, submission.failure.reason) == ("scoring", "other")
    assert "What the scoring program wrote for easy_accuracy is no number." in said_by(house)


def test_a_submission_that_is_ingested_can_be_cancelled(house: TaskHouse) -> None:
    slow = MODEL.replace("return", "import time\n    time.sleep(50 * (number == 0.9))\n    return")
    submission = house.submit(SOLUTION.replace(repr(MODEL), repr(slow)))
    runner = house.parts["blind"].pid
    wait_until(lambda: bool(processes("pkit-ingestion", runner)), what="ingestion runs")
    assert submission.cancel().state is State.CANCELLED
    wait_until(lambda: not processes("pkit-ingestion", runner), 10, "the sandbox is gone")
    assert house.submit(SOLUTION).wait(120).state is State.SCORED


def test_a_participant_rehearses_through_the_programs_of_the_kit(house: TaskHouse, tmp_path: Path) -> None:
    kit = Client(house.address).join("small-tasks", tmp_path / "kit", kernel=False)
    done = rehearse_notebook(house.write(SOLUTION), kit)
    assert done.passed and done.contained, done
    wrong = rehearse_notebook(house.write("pass"), kit)
    assert (wrong.stage, wrong.reason) == ("output", "missing_output")

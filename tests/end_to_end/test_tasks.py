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


def test_what_the_scoring_program_prints_stays_inside(house: TaskHouse) -> None:
    house.submit(SOLUTION).wait(120)
    logs = [house.log_of(name).encode() for name in ("gateway", "blind")]
    assert all(b"THE LABELS ARE" not in content for content in (*house.gateway_bytes(), *logs))


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
    assert "The ingestion program ended with an error." in house.log_of("blind")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{'accuracy': float('nan')}", "What the scoring program wrote for easy_accuracy is no finite number."),
        ("{'accuracy': 'high'}", "What the scoring program wrote for easy_accuracy is no number."),
        ("{'other': 1}", "The scoring program wrote nothing for easy_accuracy."),
        ("{str(i): i for i in range(5_000)}", "The scoring program wrote more than 1000 keys."),
        ("['0', '1', truth]", "The scoring program wrote no scores that can be read."),
    ],
)
def test_what_a_program_writes_wrong_is_told_to_the_holder_and_fails_in_a_word_of_the_list(
    house: TaskHouse, written: str, said: str
) -> None:
    program = house.challenge.root / "scoring_program" / "score.py"
    try:
        program.write_text(SCORING.replace('{"accuracy": hits / len(truth)}', written))
        submission = house.submit(SOLUTION).wait(120)
    finally:
        program.write_text(SCORING)
    assert submission.failure and (submission.failure.stage, submission.failure.reason) == ("scoring", "other")
    assert said in house.log_of("blind")


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

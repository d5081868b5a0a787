"""The airlock and the parameter-free Ladder with real processes: nothing leaves before the holder's yes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from house import ON_REAL_DATA, SOLUTION, House, wait_until

from participant_kit.participant import Client
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State
from participant_kit.secure_side import review

RELEASE = """  review: true
  figures:
    - {name: run_seconds, range: [0, 60], decimals: 3}
    - {name: run_memory_mib, range: [0, 1024], decimals: 0}
"""
LADDER = {"leaderboard_mechanism: rounded": "leaderboard_mechanism: parameter-free-ladder"}


@pytest.fixture(scope="module")
def airlock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("airlock"), (Role.BLIND,), release=RELEASE)
    path = house.challenge.card_path
    for old, new in LADDER.items():
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    try:
        house.open()
        yield house
    finally:
        house.close()


def holder(house: House, *words: str) -> Any:
    command = [sys.executable, "-m", "participant_kit.cli.main", "holder", *words]
    command += ["--state", str(house.root / "blind-state"), "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def waiting(house: House) -> set[str]:
    return {line.submission for line in review.waiting(house.root / "blind-state")}


def test_a_release_waits_for_the_holder_through_a_restart_while_others_run(airlock: House) -> None:
    first, second = airlock.submit(SOLUTION), airlock.submit(SOLUTION, "x = 1")
    ben = Client(airlock.address, airlock.token("ben", "participant"))
    third = ben.submit(airlock.write(SOLUTION, "x = 2"))
    wait_until(lambda: waiting(airlock) == {first.id, third.id}, what="one does not hold up another participant's")
    assert {line["submission"] for line in holder(airlock, "review")} == {first.id, third.id}
    assert first.refresh().state is State.RUNNING
    airlock.kill("blind")
    airlock.start_runner(Role.BLIND)
    assert waiting(airlock) == {first.id, third.id}, "the second is run when it is known what the first showed"
    holder(airlock, "approve", first.id)
    assert first.wait(60).state is State.SCORED
    figures = first.receipt().outcome.figures or {}
    assert 0 < figures["run_seconds"] < 60
    assert 20 < figures["run_memory_mib"] < 1024
    wait_until(lambda: second.id in waiting(airlock), what="the second waits in its turn")
    holder(airlock, "refuse", second.id, "--reason", "breaks_a_rule")
    assert second.wait(60).state is State.REFUSED
    assert second.failure and second.failure.reason == "breaks_a_rule"
    assert second.status.scores is None
    assert waiting(airlock) == {third.id}
    (line,) = [line for line in airlock.released(second) if line.kind == "result"]
    assert line.bits > 0 and line.message == second.envelope()


def test_a_notebook_that_is_no_better_than_chance_gets_the_best_score_again(airlock: House) -> None:
    noise = "predictions['prediction'] = 1 - predictions['prediction']\n"
    worse = SOLUTION.replace("predictions.to_csv", noise + "predictions.to_csv")
    shown = []
    for cells in ([SOLUTION, "y = 2"], [ON_REAL_DATA, worse]):
        submission = airlock.submit(*cells)
        wait_until(lambda submission=submission: submission.id in waiting(airlock), what="it waits")
        holder(airlock, "approve", submission.id)
        assert submission.wait(60).state is State.SCORED
        shown.append(submission.status.scores)
    assert shown[0] == shown[1]
    assert list((Path(airlock.root) / "blind-state" / "best").glob("*/*"))

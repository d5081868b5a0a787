"""A runner under its operator's eyes: counts, lines, spans and a drain, and nothing private in any of them."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from house import ON_REAL_DATA, SOLUTION, House, wait_until

from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State

CANARY = "canary-4711"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, (Role.BLIND,))
    health = ("--health-file", str(tmp_path / "health"))
    house.words["blind"] = ("--drain", "--metrics", "0", "--log-format", "json", *health)
    house.environment = {"OTEL_TRACES_EXPORTER": "console"}
    try:
        house.open()
        yield house
    finally:
        house.close()


def test_a_watched_runner_counts_what_was_released_says_nothing_private_and_drains(watched: House) -> None:
    house = watched
    assert house.submit(f"print('{CANARY}')\nopen('{CANARY}', 'w').write('{CANARY}')", SOLUTION).wait(60).state is (
        State.SCORED
    )
    assert house.submit(ON_REAL_DATA, f"raise ValueError('{CANARY}')").wait(60).state is State.FAILED
    waiting = time.time()
    wait_until(lambda: (house.root / "health").stat().st_mtime > waiting, what="the runner asks for work")
    found = re.search(r"http://127.0.0.1:\d+/metrics", house.log_of("blind"))
    assert found
    metrics = requests.get(found[0]).text
    names = {line.split("{")[0].split(" ")[0] for line in metrics.splitlines() if not line.startswith("#")}
    assert names == {
        "pkit_runner_claims_total",
        "pkit_runner_outcomes_total",
        "pkit_runner_waiting_seconds_total",
        "pkit_runner_last_answer_timestamp_seconds",
    }
    assert "pkit_runner_claims_total 2.0" in metrics
    assert 'pkit_runner_outcomes_total{outcome="scored",stage=""} 1.0' in metrics
    assert 'pkit_runner_outcomes_total{outcome="failed",stage="notebook"} 1.0' in metrics

    slow = house.submit(ON_REAL_DATA, "import time\nif real: time.sleep(3)", SOLUTION)
    later = house.submit(SOLUTION)
    wait_until(lambda: slow.refresh().state is State.RUNNING, what="running")
    house.parts["blind"].send_signal(signal.SIGTERM)
    assert house.parts["blind"].wait(60) == 0, house.log_of("blind")
    assert slow.refresh().state is State.SCORED, "what ran was ended"
    assert later.refresh().state is State.QUEUED, "and nothing new was taken"

    log = house.log_of("blind")
    lines = [json.loads(line) for line in log.splitlines() if line.startswith('{"')]
    assert {(line["service"], line["logger"]) for line in lines} == {("blind-runner", "participant_kit.cli.logs")}
    assert any(slow.id in line["message"] for line in lines)
    spans = set(re.findall(r'"name": "(\w+)"', log))
    assert {"claim", "run", "score", "release"} <= spans
    assert set(re.findall(r'"(submission|attempt|exception\S*)":', log)) == {"submission", "attempt"}
    for private in (CANARY, *house.tokens.values()):
        assert private not in log + metrics
    assert not re.search("(?<![0-9a-f])ada(?![0-9a-f])", log + metrics)  # the numbers of spans may have these letters

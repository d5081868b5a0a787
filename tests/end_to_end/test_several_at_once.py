"""Runners that work on several submissions at once: real processes, and the books agree."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]
import pytest
from house import House, processes, wait_until

from participant_kit.participant import Client, Submission
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State
from participant_kit.secure_side.keys import make_keys
from participant_kit.secure_side.ledger import RESULT, Ledger

KERNEL = "pkit-kernel"
SLOW = "import time\ntime.sleep(3)"
LIGHT = """import pyarrow.parquet as pq
table = pq.read_table(f"{data_dir}/test.parquet").to_pydict()
with open(f"{output_dir}/predictions.csv", "w") as file:
    file.write("id,prediction\\n" + "".join(f"{i},{x}\\n" for i, x in zip(table["id"], table["x"])))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose card has a mechanism that remembers, with two blind runners that share a log, two jobs each."""
    house = House(tmp_path_factory.mktemp("site"), (Role.BLIND,))
    path = house.challenge.card_path
    text = path.read_text()
    assert "leaderboard_mechanism: rounded" in text
    path.write_text(text.replace("leaderboard_mechanism: rounded", "leaderboard_mechanism: ladder"))
    make_keys(house.root / "second.key", house.challenge.root, Role.BLIND)
    try:
        house.open(runners=False)
        house.start_runner(Role.BLIND, "--jobs", "2")
        yield house
    finally:
        house.close()


def of_somebody(house: House, name: str, *cells: str) -> Submission:
    """A submission of a participant of its own."""
    return Client(house.address, house.token(name, "participant")).submit(house.write(*cells))


def kernels(house: House, name: str = "blind") -> int:
    """How many there are; what a kernel starts has its name until it is another program."""
    found, count = processes(KERNEL, house.parts[name].pid), 0
    for pid in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            count += psutil.Process(pid).ppid() not in found
    return count


def both_run(house: House) -> list[Submission]:
    """Two submissions that are being run by one runner."""
    submissions = [of_somebody(house, name, SLOW, LIGHT) for name in ("ben", "cleo")]
    wait_until(lambda: kernels(house) == 2, what="two kernels at once")
    return submissions


@pytest.mark.long
def test_one_runner_told_to_stop_gives_both_back_and_the_next_one_ends_both(site: House) -> None:
    submissions = both_run(site)
    site.stop("blind")
    assert {each.refresh().state for each in submissions} == {State.QUEUED}
    site.start_runner(Role.BLIND, "--jobs", "2")
    assert {each.wait(60).state for each in submissions} == {State.SCORED}
    check_books(site, submissions)


def test_two_of_one_participant_run_one_after_the_other_and_show_what_they_would_alone(site: House) -> None:
    worse = LIGHT.replace("{x}", "0.5")
    assert worse != LIGHT
    best, then = site.submit(SLOW, LIGHT), site.submit(worse)
    seen = set[int]()
    wait_until(lambda: seen.add(kernels(site)) or then.refresh().state.is_final, what="both end")
    assert max(seen) == 1
    assert [each.refresh().state for each in (best, then)] == [State.SCORED] * 2
    assert then.scores == best.scores, "the ladder shows the best so far, which the slower one before it was"


def test_two_runners_of_two_jobs_each_on_one_log_give_each_submission_one_score(site: House) -> None:
    site.start_runner(Role.BLIND, "--jobs", "2", name="second")
    submissions = [of_somebody(site, f"p{number % 3}", LIGHT) for number in range(6)]
    site.kill("second")
    site.start_runner(Role.BLIND, "--jobs", "2", name="second", wait=False)
    assert {each.wait(90).state for each in submissions} == {State.SCORED}
    # the one that was killed may come back only when the other has done its work
    wait_until(lambda: not Ledger.of(site.egress()).open, 60, "what it had begun is closed")
    check_books(site, submissions)
    assert len({line.key for line in site.egress()}) == 2, "both have worked"


def check_books(house: House, submissions: list[Submission]) -> None:
    """One result each, as the participant has it; no reservation is left, and no budget was passed on the way."""
    ledger, lines = Ledger(), house.egress()
    for line in lines:
        ledger.enter(line)
        assert all(balance.charged <= (balance.budget or line.bits) for balance in ledger.balances.values())
    results = Counter(line.submission for line in lines if line.kind == RESULT)
    assert {results[each.id] for each in submissions} == {1}
    envelopes = {line.submission: line.message for line in lines if line.kind == RESULT}
    assert all(envelopes[each.id] == each.envelope() for each in submissions)
    assert not ledger.open

"""Kill any process at any moment, many times over, under load: at the end the books of all sides agree.

``KILLS`` says how often (``make kill``), ``SEED`` repeats the choices of a run; the moments are the machine's.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import query
from house import SLUG, House, wait_until

from participant_kit.participant import Submission
from participant_kit.protocol.errors import GatewayError
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State
from participant_kit.secure_side.ledger import RESULT, Ledger

KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(10**6))))
AT_ONCE = 4
"""Submissions that are on their way at any time."""

READ = 'import pyarrow.parquet as pq\ntable = pq.read_table(f"{data_dir}/test.parquet").to_pydict()\n'
WRITE = """with open(f"{output_dir}/predictions.csv", "w") as file:
    file.write("id,prediction\\n" + "".join(f"{i},{x}\\n" for i, x in zip(table["id"], table["x"])))
"""
KINDS = {
    "good": (READ, WRITE),
    "fails on the sample": (READ, "1 / 0"),
    "fails on the real data": (READ, 'if min(table["id"]) >= 100_000: 1 / 0', WRITE),
    "cancelled": (READ, WRITE),
}
ENDS = {
    "good": {State.SCORED},
    "fails on the sample": {State.FAILED},
    "fails on the real data": {State.FAILED},
    "cancelled": {State.CANCELLED, State.SCORED},
}


class Load(threading.Thread):
    """A participant who always has some submissions on their way, and never gives one up for a gateway that is away."""

    def __init__(self, house: House) -> None:
        super().__init__(daemon=True)
        self.house, self.enough, self.error = house, threading.Event(), None
        self.sent: dict[str, str] = {}
        self._random = random.Random(SEED)

    def run(self) -> None:
        try:
            while not self.enough.is_set():
                if self._open() < AT_ONCE:
                    self._submit(self._random.choices(list(KINDS), (6, 2, 2, 2))[0])
                else:
                    time.sleep(0.2)
        except BaseException as error:
            self.error = error
            raise

    def _open(self) -> int:
        return sum(not submission.state.is_final for submission in patiently(self.house.client().submissions))

    def _submit(self, kind: str) -> None:
        path = self.house.write(*KINDS[kind])
        submission: Submission = patiently(lambda: self.house.client().submit(path))
        assert submission.id not in self.sent
        self.sent[submission.id] = kind
        if kind == "cancelled":
            time.sleep(self._random.uniform(0, 3))
            patiently(submission.cancel)


def patiently(ask):  # type: ignore[no-untyped-def]
    """The answer of ``ask``, asked again for as long as the gateway is away."""
    while True:
        try:
            return ask()
        except GatewayError as error:
            if error.is_refusal:
                raise
            time.sleep(0.1)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, (Role.REHEARSAL, Role.BLIND), quota=100_000)
    try:
        house.open()
        yield house
    finally:
        house.close()


@pytest.mark.long
@pytest.mark.timeout(240 + 10 * KILLS)
def test_whatever_is_killed_and_whenever_nothing_is_lost_and_nothing_happens_twice(house: House) -> None:
    print(f"SEED={SEED} KILLS={KILLS}")
    choose, killed = random.Random(SEED), Counter[str]()
    load = Load(house)
    load.start()
    restart = {
        "gateway": house.start_gateway,
        "blind": lambda: house.start_runner(Role.BLIND, "--jobs", "2", wait=False),
        "rehearsal": lambda: house.start_runner(Role.REHEARSAL, "--jobs", "2", wait=False),
    }
    while killed.total() < KILLS:
        time.sleep(choose.uniform(0, 6))
        assert load.error is None and load.is_alive()
        name = choose.choice(list(restart))
        assert house.parts[name].poll() is None, f"{name} ended by itself: {house.log_of(name)}"
        house.kill(name)
        killed[name] += 1
        restart[name]()
    load.enough.set()
    load.join(60)
    assert not load.is_alive() and load.error is None
    wait_until(lambda: all(each.state.is_final for each in house.client().submissions()), 120, "every submission ends")
    for role in house.roles:
        house.wait_ready(role)
    check_books(house, load.sent)
    states = Counter((load.sent[each.id], each.state.value, reason_of(each)) for each in house.client().submissions())
    print(f"killed: {dict(killed)}; submissions: {len(load.sent)}")
    for (kind, state, reason), count in sorted(states.items()):
        print(f"{count:5}  {kind}: {state} {reason}")


def reason_of(submission: Submission) -> str:
    failure = submission.failure
    return f"({failure.stage}, {failure.reason})" if failure else ""


def check_books(house: House, sent: dict[str, str]) -> None:
    """The participant's, the gateway's, the egress log's and the ledger's."""
    found = {submission.id: submission for submission in house.client().submissions()}
    assert found.keys() == sent.keys()  # none was lost, and none stored twice
    lines = house.egress()  # verified: chain and head
    results = Counter(line.submission for line in lines if line.kind == RESULT)
    assert max(results.values(), default=0) <= 1
    for identifier, submission in found.items():
        lost = submission.failure is not None and submission.failure.reason == "runner_lost"
        assert lost or submission.state in ENDS[sent[identifier]], (sent[identifier], submission, submission.failure)
        never_ran = submission.failure is not None and submission.failure.stage == "rehearsal"
        if lost or never_ran:
            assert not submission.status.counted
        elif submission.state is not State.CANCELLED:
            assert submission.status.counted
            line = next(line for line in lines if line.submission == identifier and line.kind == RESULT)
            assert line.message == submission.envelope()
    assert house.client().quota(SLUG).used_total == sum(each.status.counted for each in found.values())
    stored = Counter(identifier for (identifier,) in query(house.settings, "SELECT submission FROM results"))
    assert stored.keys() <= results.keys()
    scored = [each for each in found.values() if each.state is State.SCORED]
    assert stored.keys() >= {each.id for each in scored}
    rows = house.client().leaderboard(SLUG).to_frame()
    assert (len(rows), rows["submissions"].sum()) == (bool(scored), len(scored))
    check_ledger(house)


def check_ledger(house: House) -> None:
    """It never passed a budget, holds nothing back at the end, and is the sum of what left."""
    ledger, lines = Ledger(), house.egress()
    for line in lines:
        ledger.enter(line)
        for balance in ledger.balances.values():
            assert balance.budget is None or balance.charged <= balance.budget
    assert not ledger.open
    for account, balance in ledger.balances.items():
        assert balance.reserved == pytest.approx(0, abs=1e-6)
        assert balance.spent == pytest.approx(sum(line.bits for line in lines)), account
    for line in lines:
        assert line.bits == pytest.approx(sum(field.bits for field in line.fields))

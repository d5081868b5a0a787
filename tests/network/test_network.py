"""Far apart: a runner that nobody can dial scores what comes from outside, and a bad link costs time alone."""

from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

import pytest
from far_house import FarHouse
from house import SLUG, SOLUTION, wait_until
from network import FILTER, GATEWAY, HOSTS, INSIDE, PARTICIPANT, PREFIX, Network, address, on, run

from participant_kit.participant import Client, Submission
from participant_kit.participant.login import login
from participant_kit.protocol.connection import SILENCE
from participant_kit.protocol.keys import Role
from participant_kit.protocol.messages import SubmissionStatus
from participant_kit.protocol.states import State

pytestmark = pytest.mark.network

CUT = 30.0
"""Seconds for which a link is cut: half of a lease."""
DELAY, LOSS = 0.2, 0.01
"""Of a bad link, each way: a round trip takes 400 ms."""


def slow(seconds: float) -> str:
    return f"import time\ntime.sleep({seconds})"


def scored_once(house: FarHouse, submission: Submission, used: int, attempt: int = 1) -> None:
    """It was scored, one result has left, quota was used once, and it was lent ``attempt`` times."""
    assert submission.wait(90).state is State.SCORED, house.log_of("blind")
    results = [line for line in house.released(submission) if line.kind == "result"]
    assert len(results) == 1
    assert results[0].message == submission.envelope()
    assert house.client().quota(SLUG).used_total == used + 1
    assert submission.status.attempt == attempt, house.log_of("blind")


def used(house: FarHouse) -> int:
    return house.client().quota(SLUG).used_total


def note(moments: dict[State, float], status: SubmissionStatus) -> None:
    moments.setdefault(status.state, time.monotonic())


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[None]:
    """Somebody on ``host`` accepts connections."""
    program = (
        f"import socket\ns = socket.create_server(('', {port}))\nprint(flush=True)\nwhile True: s.accept()[0].close()"
    )
    with subprocess.Popen([*on(host), sys.executable, "-c", program], stdout=subprocess.PIPE) as server:
        assert server.stdout
        server.stdout.readline()
        try:
            yield
        finally:
            server.kill()


def dials(host: str, to: str, port: int) -> bool:
    """Whether ``host`` gets a connection."""
    program = f"import socket; socket.create_connection(({to!r}, {port}), 2)"
    return subprocess.run([*on(host), sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


def test_nobody_can_dial_inside_and_inside_can_dial_the_gateway_alone(house: FarHouse, network: Network) -> None:
    with listening(INSIDE, 443):
        assert not dials(GATEWAY, address(INSIDE), 443)
        assert not dials(PARTICIPANT, address(INSIDE), 443)
        assert dials(INSIDE, address(INSIDE), 443), "somebody listens"
        network.filter("flush ruleset")
        assert dials(GATEWAY, address(INSIDE), 443), "it was the filter that refused"
        network.filter(FILTER)
        assert not dials(GATEWAY, address(INSIDE), 443)
    with listening(PARTICIPANT, 443):
        assert not dials(INSIDE, address(PARTICIPANT), 443)
    assert dials(INSIDE, address(GATEWAY), 443)


def test_a_submission_from_outside_is_scored_by_who_cannot_be_dialled_over_one_connection_each(house: FarHouse) -> None:
    before = len(house.seen())
    sent = house.pkit("submit", str(house.write(SOLUTION)), "--wait")
    assert sent["state"] == "scored" and sent["verified"]
    for host in (PARTICIPANT, INSIDE):
        its = [seen for seen in house.seen(before) if seen.host == address(host)]
        said = [f"{seen.method} {seen.path.replace(sent['id'], 'ID')}" for seen in its]
        size = f"{sum(seen.received for seen in its)} bytes sent, {sum(seen.sent for seen in its)} received"
        print(f"\n{host}: {size}", *said, sep="\n  ")
        assert any("ID" in path for path in said)
        assert len({seen.connection for seen in its}) == 1


def test_a_link_that_is_cut_while_a_notebook_runs_ends_no_run(house: FarHouse, network: Network) -> None:
    before, states = used(house), []
    submission = house.submit(slow(CUT + 8), SOLUTION)
    wait_until(lambda: submission.refresh().state is State.RUNNING, what="running")
    house.start_runner(Role.BLIND, name="spare")  # it would be given the work, if the lease ran out
    with network.links[INSIDE].bad(cut=True):
        deadline = time.monotonic() + CUT
        while time.monotonic() < deadline:
            states.append(submission.refresh().state)
            time.sleep(1)
    assert set(states) == {State.RUNNING}
    healed = len(house.seen())
    scored_once(house, submission, before)
    house.stop("spare")
    renewals = [seen.status for seen in house.seen(healed) if seen.path.endswith("/renew")]
    assert 200 in renewals and not [status for status in renewals if 400 <= status < 499], renewals


def test_a_link_that_is_cut_while_a_result_is_sent_delays_it(house: FarHouse, network: Network) -> None:
    before = used(house)
    submission = house.submit(slow(2), SOLUTION)
    wait_until(lambda: submission.refresh().state is State.RUNNING, what="running")
    with network.links[INSIDE].bad(cut=True):
        wait_until(lambda: bool(house.released(submission)), what="the result is released")
        time.sleep(CUT)
        assert submission.refresh().state is State.RUNNING
    healed = time.monotonic()
    scored_once(house, submission, before)
    print(f"\nresult {time.monotonic() - healed:.1f} s after the link was there again")


def test_a_dead_connection_of_which_nobody_was_told_is_noticed(house: FarHouse, network: Network) -> None:
    def polls() -> int:
        return sum(seen.path.endswith("/claims") for seen in house.seen())

    before, polled = used(house), polls()
    wait_until(lambda: polls() > polled + 1, what="the runner asks for work")
    network.forget_connections(INSIDE)
    forgotten, polled = time.monotonic(), polls()
    wait_until(lambda: polls() > polled, 5, "the gateway answers, and nobody hears it")
    submission = house.submit(SOLUTION)
    wait_until(lambda: submission.refresh().state is not State.QUEUED, 60, "the runner asks again")
    noticed = time.monotonic() - forgotten
    print(f"\nthe runner asked again after {noticed:.1f} s")
    assert SILENCE / 2 < noticed < 25, "a timeout would take 32 s"
    scored_once(house, submission, before)
    network.filter(FILTER)


def test_a_slow_and_lossy_link_costs_round_trips(house: FarHouse, network: Network) -> None:
    def measure() -> list[tuple[float, float, float]]:
        found = []
        for _ in range(3):
            path, moments, began = house.write(SOLUTION), dict[State, float](), time.monotonic()
            submission = house.client().submit(path)
            submitted = time.monotonic()
            submission.wait(60, partial(note, moments))
            assert submission.scores
            released = (house.root / "blind-state" / "egress.jsonl").stat().st_mtime
            found.append((submitted - began, moments[State.RUNNING] - submitted, time.time() - released))
        return found

    near = measure()
    with network.links[GATEWAY].bad(delay=DELAY, loss=LOSS):
        far = measure()
    print(f"\n{'median of 3':28}{'near':>8}{'far':>8}{'ratio':>8}{'round trips':>13}")
    for name, place in (("submit", 0), ("claimed", 1), ("released, then verified", 2)):
        one, other = (statistics.median(times[place] for times in measured) for measured in (near, far))
        print(f"{name:28}{one:8.2f}{other:8.2f}{other / one:8.1f}{(other - one) / (2 * DELAY):13.1f}")
    assert max(sum(times) for times in far) < 15, "of the way alone"


def test_when_a_lease_runs_out_another_runner_takes_it_and_one_result_stays(house: FarHouse, network: Network) -> None:
    house.stop("gateway")
    house.lease = 6.0
    house.start_gateway()
    before = used(house)
    submission = house.submit(slow(8), SOLUTION)
    wait_until(lambda: submission.refresh().state is State.RUNNING, what="running")
    house.start_runner(Role.BLIND, name="spare")
    with network.links[INSIDE].bad(cut=True):
        wait_until(lambda: submission.refresh().status.attempt == 2, what="the other runner takes it")
        scored_once(house, submission, before, attempt=2)
    house.stop("spare")
    again = house.submit(SOLUTION)
    scored_once(house, again, before + 1)
    assert len([line for line in house.released(submission) if line.kind == "result"]) == 1


def test_it_works_with_ipv6_alone(house: FarHouse, network: Network) -> None:
    house.stop("blind")
    for host in HOSTS:
        run("ip", "-n", PREFIX + host, "-4", "address", "flush", "dev", "router")
    with pytest.raises(OSError):
        socket.create_connection((address(GATEWAY), 443), 1)
    house.version = 6
    house.start_runner(Role.BLIND)
    login(house.address, house.tokens["ada"])
    house.kit = Client(house.address).join(SLUG, house.root / "kit-6", kernel=False)
    assert f"Asking {house.address} for work" in house.log_of("blind")
    before = used(house)
    scored_once(house, house.submit(SOLUTION), before)

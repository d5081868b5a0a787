"""Kill any process at any moment: the submission ends, with one result, counted once."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest
from house import ON_REAL_DATA, SLUG, SOLUTION, House, processes, wait_until
from support import long

from participant_kit.participant import Submission
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import State

KERNEL, SANDBOX, SCORER = "pkit-kernel", "^sleep infinity", "pkit-scorer"
SLOW_REHEARSAL = "import time\nif not real: time.sleep(3)"
SLOW_RUN = "import time\nif real: time.sleep(3)"


def held(house: House) -> bool:
    """Whether the scorer is at work; it is stopped there, or it would be done before anybody is killed."""
    found = processes(SCORER, house.parts["blind"].pid)
    with contextlib.suppress(ProcessLookupError):
        for pid in found:
            os.kill(pid, signal.SIGSTOP)
        return bool(found)
    return False


def let_go(house: House) -> None:
    """Let a scorer that was held go on."""
    for pid in processes(SCORER, house.parts["blind"].pid):
        os.kill(pid, signal.SIGCONT)


def reach(house: House, moment: str) -> Submission:
    """A good submission, returned at ``moment`` of its way."""
    if moment == "queued":
        return house.submit(SOLUTION)
    slow = SLOW_REHEARSAL if moment == "rehearsing" else SLOW_RUN if moment == "running" else ""
    submission = house.submit(ON_REAL_DATA, slow, SOLUTION)
    if moment == "scoring":
        wait_until(lambda: held(house), what="scoring", every=0)  # it takes a few hundredths of a second
        return submission
    wait_until(lambda: submission.refresh().state.value == moment, what=moment)
    role = "rehearsal" if moment == "rehearsing" else "blind"
    wait_until(lambda: bool(processes(KERNEL, house.parts[role].pid)), what="a kernel")
    return submission


def ends_once(
    house: House, submission: Submission, used: int, state: State = State.SCORED, counted: bool = True
) -> None:
    """It has ended in ``state``; one result has left, and the quota was used once, if ``counted``."""
    assert submission.wait(60).state is state
    lines = [line for line in house.released(submission) if line.kind == "result"]
    assert len(lines) == 1
    assert lines[0].message == submission.envelope()
    assert submission.status.counted is counted
    assert house.client().quota(SLUG).used_total == used + counted


@pytest.mark.parametrize("moment", [long("queued"), "running", long("scoring")])
def test_a_killed_gateway_comes_back_and_the_submission_ends(blind_house: House, moment: str) -> None:
    house = blind_house
    used = house.client().quota(SLUG).used_total
    submission = reach(house, moment)
    house.kill("gateway")
    house.start_gateway()
    let_go(house)
    ends_once(house, submission, used)


@pytest.mark.long
def test_a_gateway_killed_while_rehearsing_comes_back_and_the_submission_ends(house: House) -> None:
    used = house.client().quota(SLUG).used_total
    submission = reach(house, "rehearsing")
    house.kill("gateway")
    house.start_gateway()
    ends_once(house, submission, used)


@pytest.mark.parametrize("moment", [long("queued"), long("running"), "scoring"])
def test_a_killed_runner_leaves_no_sandbox_and_the_next_one_ends_the_work(blind_house: House, moment: str) -> None:
    house = blind_house
    used = house.client().quota(SLUG).used_total
    submission = reach(house, moment)
    mine = processes(f"{KERNEL}|{SANDBOX}|{SCORER}", house.parts["blind"].pid)
    house.kill("blind")
    wait_until(lambda: not set(mine) & set(processes(".")), 5, "the sandbox has died with its runner")
    house.start_runner(Role.BLIND)
    ends_once(house, submission, used)


@pytest.mark.parametrize("moment", [long("queued"), "rehearsing"])
def test_a_killed_rehearsal_runner_leaves_no_sandbox_and_the_next_one_ends_the_work(house: House, moment: str) -> None:
    used = house.client().quota(SLUG).used_total
    submission = reach(house, moment)
    mine = processes(f"{KERNEL}|{SANDBOX}|{SCORER}", house.parts["rehearsal"].pid)
    house.kill("rehearsal")
    wait_until(lambda: not set(mine) & set(processes(".")), 5, "the sandbox has died with its runner")
    house.start_runner(Role.REHEARSAL)
    ends_once(house, submission, used)


@pytest.mark.parametrize("victim", [KERNEL, SANDBOX])
def test_a_kernel_or_sandbox_killed_in_a_rehearsal_fails_that_one_alone_and_costs_nothing(
    house: House, victim: str
) -> None:
    used = house.client().quota(SLUG).used_total
    submission = reach(house, "rehearsing")
    kill(victim, house, "rehearsal")
    assert submission.wait(60).state is State.FAILED
    assert submission.log().stage == "kernel"
    assert house.client().quota(SLUG).used_total == used
    assert house.submit(SOLUTION).wait(60).state is State.SCORED


@pytest.mark.parametrize(
    ("moment", "victim", "stage"),
    [("running", KERNEL, "kernel"), ("running", SANDBOX, "kernel"), ("scoring", SANDBOX, "scoring")],
)
def test_a_kernel_or_sandbox_killed_in_a_blind_run_fails_that_one_alone(
    blind_house: House, moment: str, victim: str, stage: str
) -> None:
    house = blind_house
    used = house.client().quota(SLUG).used_total
    submission = reach(house, moment)
    kill(victim, house, "blind")
    ends_once(house, submission, used, State.FAILED, counted=stage == "kernel")  # scoring is not theirs to answer for
    assert submission.failure and submission.failure.stage == stage
    assert house.submit(SOLUTION).wait(60).state is State.SCORED


def kill(victim: str, house: House, role: str) -> None:
    found = processes(victim, house.parts[role].pid)
    assert found
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def test_everything_killed_at_once_comes_back(house: House) -> None:
    used = house.client().quota(SLUG).used_total
    submission = reach(house, "rehearsing")
    for name in ("gateway", "blind", "rehearsal"):
        house.kill(name)
    house.start_gateway()
    house.start_runner(Role.REHEARSAL, wait=False)
    house.start_runner(Role.BLIND)
    ends_once(house, submission, used)


@pytest.mark.parametrize("role", [long(Role.REHEARSAL), Role.BLIND])
def test_a_runner_that_is_told_to_stop_gives_its_lease_back(house: House, role: Role) -> None:
    submission = reach(house, "rehearsing" if role is Role.REHEARSAL else "running")
    attempt = submission.status.attempt
    house.stop(role.value)
    assert submission.refresh().state is State.QUEUED
    house.start_runner(role)
    assert submission.wait(60).state is State.SCORED
    assert submission.status.attempt >= attempt

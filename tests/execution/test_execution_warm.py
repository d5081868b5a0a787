"""Sandboxes that are started ahead: one request each, nothing left of the last, and nobody waits for a dead one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from house import processes, wait_until
from support import SOLUTION, make_card, make_notebook

from participant_kit.execution.environment import Environment
from participant_kit.execution.notebook import Execution, run_notebook
from participant_kit.execution.sandbox import Command, Ended, Handover, get_sandbox
from participant_kit.execution.warm import GUESS, Ahead, WarmSandbox

DONE = Ended(reply=b"done", log=b"", exit_code=0, seconds=0.1)


class Fake:
    """A sandbox that answers at once, and waits for a handover as long as it is ``alive``."""

    name: ClassVar[str] = "fake"
    contained: ClassVar[bool] = True

    def __init__(self) -> None:
        self.alive, self.started, self.used = True, 0, list[str]()
        self.together: threading.Barrier | None = None

    def run(self, command: Command, request: bytes | Handover, **options: Any) -> Ended:
        if isinstance(request, bytes):
            self.used.append("cold")
            if self.together:
                self.together.wait(10)
            return DONE
        self.started += 1
        while self.alive and request.request is None and not options["cancelled"].wait(0.01):
            pass
        if self.alive and request.request is not None:
            request.taken = True
            self.used.append("warm")
        return DONE

    def close(self) -> None:
        pass


def command(name: str) -> Command:
    return Command(argv=(name,), mounts=(), limits=make_card().limits)


def test_what_comes_again_is_run_in_a_sandbox_that_waited() -> None:
    fake = Fake()
    warm = WarmSandbox(fake, 1 << 30)
    for name in ("a", "a", "b", "a"):
        assert warm.run(command(name), b"", max_reply=9) is DONE
    assert fake.used == ["cold", "warm", "cold", "warm"]
    warm.run(command("a"), b"", max_reply=10)
    assert fake.used[-1] == "cold", "another bound is another run"
    warm.close()


def test_what_is_expected_is_started_ahead_of_the_first() -> None:
    fake = Fake()
    warm = WarmSandbox(fake, 1 << 30)
    assert Ahead(warm).run(command("a"), b"anything", max_reply=9).reply == b""
    assert fake.used == []
    warm.run(command("a"), b"", max_reply=9)
    assert fake.used == ["warm"]
    warm.close()


def test_as_many_wait_as_were_run_at_once() -> None:
    fake = Fake()
    warm = WarmSandbox(fake, 1 << 30)
    fake.together = threading.Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(warm.run, command("a"), b"", max_reply=9)
    assert fake.used == ["cold"] * 3
    wait_until(lambda: fake.started == 3, 10, "three wait")
    warm.close()


def test_no_more_wait_than_the_memory_does_for() -> None:
    fake = Fake()
    warm = WarmSandbox(fake, GUESS)
    for name in ("a", "b", "a", "b"):
        warm.run(command(name), b"", max_reply=9)
    assert fake.used == ["cold"] * 4
    warm.close()
    none = WarmSandbox(fake, 0)
    started = fake.started
    none.run(command("a"), b"", max_reply=9)
    assert fake.started == started
    none.close()


def test_where_the_one_that_waited_has_ended_the_run_is_made_without_it() -> None:
    fake = Fake()
    warm = WarmSandbox(fake, 1 << 30)
    warm.run(command("a"), b"", max_reply=9)
    fake.alive = False
    assert warm.run(command("a"), b"", max_reply=9) is DONE
    assert fake.used == ["cold", "cold"]
    warm.close()


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmSandbox]:
    warm = WarmSandbox(get_sandbox("template"), 1 << 30)
    yield warm
    warm.close()


def run(
    environment: Environment, warm: WarmSandbox, tables: Path, *cells: str, cancelled: threading.Event | None = None
) -> Execution:
    card = make_card(**{"60 s": "4 s"})
    return run_notebook(make_notebook(*cells), tables, card, environment, warm, keep_log=True, cancelled=cancelled)


@pytest.mark.sandbox
def test_one_request_each_and_nothing_is_left_of_the_last(
    environment: Environment, warm: WarmSandbox, tables: Path
) -> None:
    leave = "import pathlib, os, builtins\nbuiltins.left = 1\nfor place in ('/work', '/work/tmp', '/dev/shm'):\n"
    look = "import builtins\nprint(hasattr(builtins, 'left'), os.path.exists('/dev/shm/left'), os.listdir('/work'))"
    first = run(environment, warm, tables, leave + "    pathlib.Path(place, 'left').touch()", SOLUTION)
    assert first.output
    time.sleep(5)  # longer than a run may take: to wait costs no time of it
    second = run(environment, warm, tables, "import os", look, SOLUTION)
    assert second.output == first.output
    assert second.log.startswith("False False") and "left" not in second.log
    assert second.seconds < first.seconds


@pytest.mark.sandbox
def test_its_time_begins_with_the_request_and_ends_it(
    environment: Environment, warm: WarmSandbox, tables: Path
) -> None:
    run(environment, warm, tables, SOLUTION)
    done = run(environment, warm, tables, "import time\ntime.sleep(60)")
    assert done.stage == "timeout"
    assert timedelta(seconds=4) <= timedelta(seconds=done.seconds) < timedelta(seconds=7)


@pytest.mark.sandbox
def test_a_cancelled_run_ends_and_so_do_those_that_wait(
    environment: Environment, warm: WarmSandbox, tables: Path
) -> None:
    run(environment, warm, tables, SOLUTION)
    cancelled = threading.Event()
    threading.Timer(0.5, cancelled.set).start()
    assert run(environment, warm, tables, "import time\ntime.sleep(60)", cancelled=cancelled).cancelled
    warm.close()
    wait_until(lambda: not processes(f"{tables}"), 10, "no sandbox on these tables is left")


@pytest.mark.sandbox
def test_a_notebook_cannot_see_what_was_imported_before_but_in_its_speed(
    environment: Environment, tables: Path
) -> None:
    warm = WarmSandbox(get_sandbox("template"), 1 << 30)
    look = "print(get_ipython().execution_count, sorted(globals().keys()), len(In))"
    cold = run(environment, warm, tables, look, SOLUTION)
    time.sleep(3)  # it is asked for nothing yet, and so imports
    again = run(environment, warm, tables, look, SOLUTION)
    warm.close()
    assert again.log == cold.log
    assert again.seconds < cold.seconds

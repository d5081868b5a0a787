"""Several processes of the gateway on one database: no quota is passed, no submission lent or scored twice."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import requests
from gateway_world import API, World, make_envelope, make_kit
from house import wait_until
from support import CARD

from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.messages import AccountRole, Claim

T = TypeVar("T")
PEOPLE, QUOTA = ("ada", "bob"), 12
LIMITED = CARD.replace(b"per_day: 10, total: 100", b"total: %d" % QUOTA)


class Process:
    """One process of a gateway, asked over HTTP by any number of threads."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.file = world, world.data / f"address-{number}"
        words = ["--data", str(world.data), "--port", "0", "--address-file", str(self.file), "--lease", "1"]
        database = ["--database", world.database] if world.database else []
        command = [sys.executable, "-m", "participant_kit.cli.main", "gateway", "start", *words, *database]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.sessions = threading.local()

    def wait(self) -> None:
        wait_until(self.file.exists, what="the gateway starts")
        self.address = self.file.read_text() + API

    def ask(self, method: str, path: str, who: str, role: AccountRole = "participant", **content: Any) -> Any:
        session = self.sessions.__dict__.setdefault("session", requests.Session())
        url = f"{self.address}{path}"
        return session.request(method, url, headers=self.world.auth(who, role), timeout=90, **content)

    def submit(self, who: str, identifier: str) -> int:
        path = f"/challenges/small/submissions/{identifier}"
        return int(self.ask("PUT", path, who, data=b"sealed").status_code)

    def claim(self, wait: float = 0) -> Claim | None:
        body = {"role": "blind", "runner": "r", "challenges": ["small"], "wait": wait}
        answer = self.ask("POST", "/claims", "runner", "runner", json=body)
        assert answer.status_code in (200, 204), answer.text
        return Claim.model_validate_json(answer.content) if answer.status_code == 200 else None

    def lease(self, *, verb: str, claim: Claim, **body: Any) -> int:
        path, body = f"/leases/{claim.submission}/{verb}", {"token": claim.lease.token, **body}
        return int(self.ask("POST", path, "runner", "runner", json=body).status_code)


@contextmanager
def running(world: World) -> Iterator[tuple[Process, Process]]:
    for who in PEOPLE:
        world.auth(who)
    world.auth("runner", "runner")
    started = (Process(world, 0), Process(world, 1))
    try:
        for each in started:
            each.wait()
        yield started
    finally:
        for each in started:
            each.process.terminate()
        for each in started:
            each.process.wait(20)


def at_once(*calls: Callable[[], T]) -> list[T]:
    """What each call returns, each in a thread of its own."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [asked.result() for asked in [threads.submit(call) for call in calls]]


def test_two_processes_keep_the_books_of_a_crowd_that_does_everything_at_once(empty: World, tmp_path: Path) -> None:
    empty.publish(make_kit(tmp_path / "kit", LIMITED))
    with running(empty) as processes:
        answers: Counter[int] = Counter()
        finished: Counter[str] = Counter()
        over = threading.Event()

        def send(who: str) -> None:
            for _ in range(8):
                say = partial(Process.submit, who=who, identifier=new_identifier())
                codes = at_once(*(partial(say, process) for process in processes))
                assert codes in ([200, 200], [429, 429]), "sent to both, stored once"
                answers[codes[0]] += 1

        def work(process: Process, other: Process) -> None:
            while not over.is_set():
                if claim := process.claim(wait=0.5):
                    say = partial(Process.lease, verb="result", claim=claim, envelope=make_envelope(claim))
                    codes = at_once(*(partial(say, each) for each in (process, other)))
                    assert set(codes) <= {204, 409}, codes
                    finished[claim.submission] += 204 in codes

        one, two = processes
        workers = [threading.Thread(target=work, args=pair) for pair in ((one, two), (two, one), (one, two))]
        for worker in workers:
            worker.start()
        at_once(*(partial(send, who) for who in PEOPLE for _ in range(4)))
        wait_until(lambda: sum(finished.values()) >= QUOTA * len(PEOPLE), 60, "everything is scored")
        over.set()
        for worker in workers:
            worker.join()
    assert answers == {200: QUOTA * len(PEOPLE), 429: (64 - QUOTA * len(PEOPLE))}
    assert set(finished.values()) == {1}
    rows = empty.query("SELECT participant, state, revision FROM submissions")
    assert Counter(row.participant for row in rows) == dict.fromkeys(PEOPLE, QUOTA)
    assert {row.state for row in rows} == {"scored"}
    assert len({(row.participant, row.revision) for row in rows}) == len(rows)
    assert empty.query("SELECT sum(submissions) FROM best") == [(QUOTA * len(PEOPLE),)]
    assert empty.query("SELECT version FROM boards") == [(QUOTA * len(PEOPLE),)]


def test_who_waits_at_one_process_is_woken_by_what_happens_at_the_other(world: World) -> None:
    with running(world) as (one, other), ThreadPoolExecutor(1) as thread:
        seconds = []
        for _ in range(5):
            asked = thread.submit(one.claim, 20)
            time.sleep(0.3)
            started = time.monotonic()
            assert other.submit("ada", new_identifier()) == 200
            claim = asked.result()
            seconds.append(time.monotonic() - started)
            assert claim and one.lease(verb="result", claim=claim, envelope=make_envelope(claim)) == 204
    assert median(seconds) < (0.3 if world.database else 1.5), "on SQLite other processes look every second"

"""The gateway under load, each figure beside a peer of the same run.

    python benchmarks/gateway.py --json
    python benchmarks/gateway.py --database postgresql://USER@HOST/NAME

``leaderboard``: the first page of the board of 10^3, 10^4 ... submissions, also for the last of its participants, whose
own row comes with it, beside the endpoint that says which server this is. ``submissions``: sealed notebooks accepted by
one process, durable, beside bare inserts of the same rows in transactions of their own, one after another. ``start``:
from the answer to who submits to the answer to the runner that waits; on PostgreSQL the two are at different processes.
Every process is ``pkit gateway start``; a PostgreSQL must be empty.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import insert

from participant_kit.challenge.card import Card
from participant_kit.challenge.document import parse_document
from participant_kit.gateway.accounts import create_token
from participant_kit.gateway.challenges import store_challenge
from participant_kit.gateway.database import Database
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.tables import accounts, best, boards, submissions
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys

API = "/api/v1"
CARD = b"""schema_version: 1
slug: load
title: Load
data: {identifier: id, target: y}
submission: {columns: {id: integer, prediction: number}}
metrics: [{name: roc_auc_score, higher_is_better: true, range: [0, 1], primary: true}]
phases: [{name: development, starts: 2026-01-01, ends: 2036-01-01}]
"""
SEALED = os.urandom(20_000)
"""As large as a small notebook."""


@contextlib.contextmanager
def gateway(settings: Settings, number: int = 0) -> Iterator[str]:
    """The address of a process of its own."""
    file = settings.data / f"address-{number}"
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "participant_kit.cli.main", "gateway", "start", "--data", str(settings.data)]
    environment = os.environ | ({"PKIT_DATABASE": settings.database} if settings.database else {})
    words = ["--port", "0", "--address-file", str(file)]
    process = subprocess.Popen(
        [*command, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not file.exists():
            if process.poll() is not None:
                sys.exit("The gateway did not start.")
            time.sleep(0.05)
        yield file.read_text() + API
    finally:
        process.terminate()
        process.wait(20)


def prepare(settings: Settings) -> None:
    """A challenge that rehearses nothing."""
    database = Database(settings)
    with database.write() as connection:
        card = parse_document(CARD, Card, "challenge.yaml")
        store_challenge(connection, card, KeyRing(runners=[SecretKeys.generate(Role.BLIND).public]), b"")
    database.close()


def rate(ask: Callable[[requests.Session], int], seconds: float, clients: int) -> float:
    """Answers a second to ``clients`` that each ask again as soon as they are answered."""
    end, counts = time.perf_counter() + seconds, [0] * clients

    def client(number: int) -> None:
        with requests.Session() as session:
            while time.perf_counter() < end:
                status = ask(session)
                if status not in (200, 304):
                    raise SystemExit(f"The gateway answered {status}.")
                counts[number] += 1

    with ThreadPoolExecutor(clients) as threads:
        for asked in [threads.submit(client, number) for number in range(clients)]:
            asked.result()
    return sum(counts) / seconds


def fill(settings: Settings, number: int, before: int, people: int) -> None:
    """Scored submissions number ``before`` to ``number``, in turn by each of ``people``."""
    database = Database(settings)
    everyone, then = min(people, number), min(people, before)
    with database.write() as connection:
        new = [{"name": f"p{place}", "role": "participant", "created_at": 0.0} for place in range(then, everyone)]
        if new:
            connection.execute(insert(accounts), new)
        same = {"challenge": "load", "phase": "development", "state": "scored", "sealed_sha256": "", "sealed": ""}
        for first in range(before, number, 20_000):
            rows = [
                {**same, "id": new_identifier(), "participant": f"p{place % everyone}", "revision": 1}
                | {"created_at": float(place), "updated_at": float(place)}
                for place in range(first, min(first + 20_000, number))
            ]
            connection.execute(insert(submissions), rows)
        connection.execute(best.delete())
        score = {"challenge": "load", "phase": "development", "submitted_at": 0.0, "submissions": number // everyone}
        connection.execute(
            insert(best),
            [
                {**score, "participant": f"p{place}", "rank_by": -place / everyone}
                | {"scores": {"roc_auc_score": place / everyone}}
                for place in range(everyone)
            ],
        )
        connection.execute(boards.delete())
        board = {"challenge": "load", "phase": "development", "version": number, "bits": 0.0}
        connection.execute(insert(boards), [board])
    database.close()


def get(address: str, session: requests.Session, **more: Any) -> int:
    """The status of the answer, whose body has been read."""
    return session.get(address, timeout=60, **more).status_code


def leaderboard(settings: Settings, most: int, seconds: float) -> list[dict[str, Any]]:
    """Answers a second for the first page, new to the client and known to it, beside an endpoint that says little."""
    found, before, number = [], 0, 1000
    while number <= most:
        fill(settings, number, before, 20_000)
        with gateway(settings) as address:
            board = f"{address}/challenges/load/leaderboard"
            first = requests.get(board, timeout=60)
            known = {"If-None-Match": first.headers["ETag"]}
            empty = rate(partial(get, f"{address}/"), seconds, 4)
            again = rate(partial(get, board, headers=known), seconds, 4)
            page = rate(partial(get, board), seconds, 4)
            last = bearer(create_token(settings.data, "p0", "participant", database=settings.database))
            own = rate(partial(get, board, headers=last), seconds, 4)
        found.append(
            {"submissions": number, "participants": first.json()["participants"], "bytes": len(first.content)}
            | {"empty_a_second": round(empty), "unchanged_a_second": round(again), "page_a_second": round(page)}
            | {"unchanged_ratio": round(again / empty, 3), "page_ratio": round(page / empty, 3)}
            | {"own_a_second": round(own), "own_ratio": round(own / empty, 3)}
        )
        before, number = number, number * 10
    return found


def bearer(token: str) -> dict[str, str]:
    """The header that a token travels in."""
    return {"Authorization": f"Bearer {token}"}


def accepted(settings: Settings, seconds: float, clients: int) -> dict[str, Any]:
    """Submissions accepted a second, and bare inserts of their rows."""
    names = [f"s{place}" for place in range(clients)]
    headers = [bearer(create_token(settings.data, name, "participant", database=settings.database)) for name in names]
    places = iter(range(10**9))
    mine = threading.local()

    def send(session: requests.Session) -> int:
        if not hasattr(mine, "headers"):
            mine.headers = headers[next(places) % clients]
        url = f"{address}/challenges/load/submissions/{new_identifier()}"
        return session.put(url, data=SEALED, headers=mine.headers, timeout=60).status_code

    with gateway(settings) as address:
        gateways = rate(send, seconds, clients)
    database, count, end = Database(settings), 0, time.perf_counter() + seconds
    row = {"challenge": "load", "phase": "development", "participant": "s0", "state": "scored"}
    row |= {"revision": 1, "sealed_sha256": "", "sealed": "", "created_at": 0.0, "updated_at": 0.0}
    while time.perf_counter() < end:
        with database.write() as connection:
            connection.execute(insert(submissions).values({**row, "id": new_identifier()}))
        count += 1
    database.close()
    bare = count / seconds
    return {"a_second": round(gateways), "bare_inserts_a_second": round(bare), "ratio": round(gateways / bare, 3)}


def start(settings: Settings, rounds: int) -> dict[str, Any]:
    """Milliseconds from the answer to who submits to the answer to the runner that waits."""
    token = {
        role: create_token(settings.data, name, role, database=settings.database)  # type: ignore[arg-type]  # a role's name
        for name, role in (("runner", "runner"), ("ada", "participant"))
    }
    body = {"role": "blind", "runner": "r", "challenges": ["load"], "wait": 20}
    answered: list[float] = []
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(gateway(settings))
        other = stack.enter_context(gateway(settings, 1)) if settings.database else one
        runner, ada = stack.enter_context(requests.Session()), stack.enter_context(requests.Session())

        def claim() -> float:
            answer = runner.post(f"{one}/claims", json=body, headers=bearer(token["runner"]), timeout=60)
            moment = time.perf_counter()
            assert answer.status_code == 200, answer.text  # noqa: S101 - a measurement of anything else is none
            return moment

        with ThreadPoolExecutor(1) as thread:
            for _ in range(rounds):
                asked = thread.submit(claim)
                time.sleep(0.3)
                url = f"{other}/challenges/load/submissions/{new_identifier()}"
                sent = ada.put(url, data=SEALED, headers=bearer(token["participant"]), timeout=60)
                moment = time.perf_counter()
                assert sent.status_code == 200, sent.text  # noqa: S101 - as above
                answered.append(1000 * (asked.result() - moment))
    return {
        "processes": 2 if settings.database else 1,
        "median_ms": round(statistics.median(answered), 1),
        "worst_ms": round(max(answered), 1),
        "rounds": rounds,
    }


def table(found: dict[str, Any]) -> str:
    """What was found, as lines."""
    lines = []
    for name, value in found.items():
        rows = value if isinstance(value, list) else [value]
        lines += [f"{name:12} " + "  ".join(f"{key} {number}" for key, number in row.items()) for row in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure everything that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subjects", nargs="*", default=["start", "submissions", "leaderboard"])
    parser.add_argument("--database", help="a PostgreSQL; SQLite without it")
    parser.add_argument("--submissions", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder), options.database)
        prepare(settings)
        subjects: dict[str, Callable[[], Any]] = {
            "start": lambda: start(settings, options.rounds),
            "submissions": lambda: accepted(settings, options.seconds, options.clients),
            "leaderboard": lambda: leaderboard(settings, options.submissions, options.seconds / 3),
        }
        found = {name: measure() for name, measure in subjects.items() if name in options.subjects}
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if options.json else table(found))


if __name__ == "__main__":
    main()

"""What each request costs the gateway: statements, transactions, bytes, milliseconds of a processor.

    python benchmarks/gateway_load.py --participants 1000 --rounds 200

The real application over SQLite, asked over its HTTP interface within one process, its tables holding ten submissions
of each participant. Statements are counted where SQLAlchemy sends them, transactions at their BEGIN; bytes are those of
HTTP/1.1 in both directions, without TLS. Milliseconds are those of the processor, medians, of the gateway and of who
asks it together; they do not mind what else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from fastapi.testclient import TestClient
from sqlalchemy import event, insert

from participant_kit.gateway.accounts import create_token
from participant_kit.gateway.app import create_app
from participant_kit.gateway.challenges import find_challenge
from participant_kit.gateway.routes.runners import _claim
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.submissions import read_changes
from participant_kit.gateway.tables import accounts, submissions
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys
from participant_kit.protocol.kit import pack_kit
from participant_kit.protocol.messages import API_PREFIX, ClaimRequest
from participant_kit.protocol.receipts import Outcome, Receipt, sign_receipt
from participant_kit.protocol.sealing import Binding, seal_notebook

SLUG = "small"
CARD = """schema_version: 1
slug: small
title: A small challenge
data: {identifier: id, target: ill}
submission: {columns: {id: integer, prediction: number}}
metrics: [{name: roc_auc_score, higher_is_better: true, range: [0, 1], decimals: 3, primary: true}]
phases: [{name: development, starts: 2026-01-01, ends: 2036-01-01}]
release: {leaderboard_mechanism: rounded}
"""
NOTEBOOK = 20_000
"""Bytes of a notebook: a dozen cells."""


@dataclass
class Cost:
    """Of one kind of request, each list in the order of the requests."""

    statements: list[int] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)


class Meter:
    """A gateway with one challenge, and what its requests cost."""

    def __init__(self, root: Path, participants: int, data: Path | None = None) -> None:
        data = data or root / "gateway"
        self.costs: dict[str, Cost] = {}
        self._count = {"statements": 0, "reads": 0, "writes": 0}
        self._keys = SecretKeys.generate(Role.BLIND)
        app = create_app(Settings(data))
        self._database = app.state.service.database
        event.listen(self._database._engine, "before_cursor_execute", self._see)
        self._tokens = {
            name: create_token(data, name, role)
            for name, role in (("ada", "participant"), ("org", "organizer"), ("runner", "runner"))
        }
        self.client = TestClient(app)
        kit = root / "kit"
        kit.mkdir()
        (kit / "challenge.yaml").write_text(CARD)
        (kit / "keys.json").write_text(KeyRing(runners=[self._keys.public]).model_dump_json())
        self.ask("publish", "PUT", f"/challenges/{SLUG}", "org", content=pack_kit(kit, SLUG))
        self._fill(participants)

    def _see(self, *said: Any) -> None:
        statement = said[2]
        kind = (
            "writes" if statement.startswith("BEGIN I") else "reads" if statement.startswith("BEGIN") else "statements"
        )
        self._count[kind] += 1

    def _fill(self, participants: int) -> None:
        now, names = time.time(), [f"p{number}" for number in range(participants)]
        with self._database.write() as connection:
            connection.execute(
                insert(accounts), [{"name": n, "role": "participant", "created_at": now, "revision": 10} for n in names]
            )
            rows = [
                {
                    "id": new_identifier(),
                    "challenge": SLUG,
                    "phase": "development",
                    "participant": name,
                    "state": "scored",
                    "revision": revision,
                    "sealed_sha256": "0" * 64,
                    "created_at": now - 9e4,
                    "updated_at": now,
                }
                for name in names
                for revision in range(10)
            ]
            connection.execute(insert(submissions), rows)

    def ask(self, what: str, method: str, path: str, who: str, **body: Any) -> Any:
        """One request, counted under ``what``."""
        with self._counted(what):
            answer = self.client.request(
                method, API_PREFIX + path, headers={"Authorization": f"Bearer {self._tokens[who]}"}, **body
            )
        if answer.status_code >= 400:
            raise RuntimeError(f"{what}: {answer.text}")
        request = answer.request
        heads = [*request.headers.raw, *answer.headers.raw]
        head = sum(len(name) + len(value) + 4 for name, value in heads) + len(str(request.url)) + 40
        self.costs[what].bytes[-1] = head + len(request.content) + len(answer.content)
        return answer.json() if answer.content else None

    def submission(self) -> None:
        """One submission from its click to its receipt, by every request that the two sides make."""
        identifier, path = new_identifier(), f"/challenges/{SLUG}"
        binding = Binding(
            challenge=SLUG,
            phase="development",
            participant="ada",
            submission=identifier,
            reply_to="",
            notebook_sha256="0" * 64,
        )
        sealed = seal_notebook(b"x" * NOTEBOOK, binding, [self._keys.public.sealing])
        self.ask("quota", "GET", f"{path}/quota", "ada")
        self.ask("challenge", "GET", path, "ada")
        self.ask("me", "GET", "/me", "ada")
        self.ask("submit", "PUT", f"{path}/submissions/{identifier}", "ada", content=sealed)
        claim = self.ask("claim", "POST", "/claims", "runner", json=self._request(0))
        lease = {"token": claim["lease"]["token"]}
        self.ask("renew", "POST", f"/leases/{identifier}/renew", "runner", json=lease)
        self.ask("status", "GET", f"/submissions/{identifier}", "ada")
        receipt = Receipt(
            **binding.model_dump(exclude={"reply_to", "card_sha256"}),
            card_sha256="c" * 64,
            data_root="d" * 64,
            environment_sha256="e" * 64,
            runner_version="1",
            bits=10.0,
            outcome=Outcome(state="scored", tick=3, scores={"roc_auc_score": 0.5}),
        )
        body = lease | {"envelope": sign_receipt(receipt, self._keys)}
        self.ask("result", "POST", f"/leases/{identifier}/result", "runner", json=body)
        self.ask("receipt", "GET", f"/submissions/{identifier}/receipt", "ada")
        self.ask("leaderboard", "GET", f"{path}/leaderboard", "ada")
        self.ask("changes, one look", "GET", f"{path}/changes", "ada")

    def _request(self, wait: float) -> dict[str, Any]:
        return {"role": "blind", "runner": "r", "challenges": [SLUG], "wait": wait}

    def idle(self) -> None:
        """What is asked while nothing happens, by who waits."""
        self.ask("claim, one look in vain", "POST", "/claims", "runner", json=self._request(0))

    def looks(self) -> None:
        """One more look of a request that waits, without the request around it."""
        with self._counted("look for changes"), self._database.read() as connection:
            read_changes(connection, find_challenge(connection, SLUG), "ada", 1 << 30)
        request = ClaimRequest.model_validate(self._request(0))
        with self._counted("look for work"):
            service = self.client.app.state.service  # type: ignore[attr-defined]  # FastAPI, typed as any ASGI app
            _claim(service, request)

    @contextlib.contextmanager
    def _counted(self, what: str) -> Iterator[None]:
        before, began = dict(self._count), time.process_time()
        yield
        cost = self.costs.setdefault(what, Cost())
        cost.milliseconds.append((time.process_time() - began) * 1000)
        for kind, total in self._count.items():
            getattr(cost, kind).append(total - before[kind])
        cost.bytes.append(0)

    def waiting(self) -> None:
        """The same, held by the gateway for two seconds."""
        self.ask("claim, two seconds in vain", "POST", "/claims", "runner", json=self._request(2))


def watchers(root: Path, number: int, seconds: float) -> dict[str, float]:
    """Processors that a real gateway takes while ``number`` watch and nothing happens, after they have come."""
    address_file, data = root / "address", root / "watched"
    tokens = [create_token(data, f"w{person}", "participant") for person in range(number)]
    meter = Meter(root, 1, data)
    meter.client.close()
    words = ["gateway", "start", "--data", str(data), "--port", "0", "--address-file", str(address_file)]
    gateway = subprocess.Popen([sys.executable, "-m", "participant_kit.cli.main", *words], stderr=subprocess.DEVNULL)
    while not address_file.exists():
        time.sleep(0.1)
    path = f"{address_file.read_text()}{API_PREFIX}/challenges/{SLUG}/changes"
    answers = 0

    async def watch(client: httpx.AsyncClient, token: str) -> None:
        nonlocal answers
        last = {"revision": 0, "tag": ""}
        while True:
            params = {"after": last["revision"], "tag": last["tag"], "wait": 25}
            said = await client.get(path, params=params, headers={"Authorization": f"Bearer {token}"})
            said.raise_for_status()
            last, answers = said.json(), answers + 1

    async def measure() -> float:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=120, limits=limits) as client:
            waiting = [asyncio.create_task(watch(client, token)) for token in tokens]
            await asyncio.sleep(10)
            process = psutil.Process(gateway.pid)
            before, began = process.cpu_times(), time.monotonic()
            await asyncio.sleep(seconds)
            after = process.cpu_times()
            took = time.monotonic() - began
            for task in waiting:
                task.cancel()
        return (after.user + after.system - before.user - before.system) / took

    try:
        return {"watchers": number, "processors": round(asyncio.run(measure()), 3), "answers": answers}
    finally:
        gateway.terminate()
        gateway.wait(10)


def repeat(times: int, *works: Callable[[], None]) -> None:
    """Do all in turn, so that what else the machine does meets all alike."""
    for _ in range(times):
        for work in works:
            work()


def main() -> None:
    """Measure everything, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--participants", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--watchers", type=int, help="measure instead what so many take of a real gateway's processor")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.watchers:
            sys.stdout.write(json.dumps(watchers(Path(folder), options.watchers, 25)) + "\n")
            return
        meter = Meter(Path(folder), options.participants)
        with meter.client:
            repeat(options.rounds, meter.submission, meter.idle, meter.looks)
            repeat(2, meter.waiting)
        for what, cost in meter.costs.items():
            medians = {name: round(statistics.median(values), 2) for name, values in vars(cost).items()}
            sys.stdout.write(json.dumps({"request": what} | medians) + "\n")


if __name__ == "__main__":
    main()

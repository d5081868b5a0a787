"""One person's Jupyter Server before a real gateway, the page in front of it, and both runners behind."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from databases import query
from house import SLUG, House
from sqlalchemy import Executable, delete, select, update
from support import SOLUTION, make_notebook
from tornado.httpclient import HTTPResponse
from tornado.websocket import WebSocketClientConnection

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.gateway.tables import accounts, submissions, tokens
from participant_kit.protocol.keys import Role, SecretKeys, read_secret_keys
from participant_kit.protocol.messages import API_PREFIX, Claim, RehearsalReport
from participant_kit.protocol.receipts import Failure, Outcome, Receipt, sign_receipt
from participant_kit.protocol.sealing import Binding, encrypt, unseal_notebook

PREFIX = "participant-kit"
PATIENCE = 20.0
"""Seconds after which what did not come will not come: far more than it takes."""

Event = dict[str, Any]


@dataclass
class Person:
    """A participant with an account of their own, and the kit in the folder that Jupyter shows."""

    house: House
    name: str
    token: str
    kit: ChallengeFolder
    count: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return self.house.address, SLUG

    @property
    def there(self) -> dict[str, str]:
        """What names the challenge in a request."""
        return {"gateway": self.house.address, "challenge": SLUG}

    def write(self, *cells: str, name: str = "", folder: str = "small/starter_notebooks") -> str:
        """A notebook that passes the check, or one of ``cells``; its path as Jupyter has it."""
        self.count += 1
        path = f"{folder}/{name or f'notebook-{self.count}.ipynb'}"
        on_disk = self.kit.root.parent / path
        on_disk.parent.mkdir(parents=True, exist_ok=True)
        on_disk.write_bytes(make_notebook(f"# {name or self.count}", *(cells or (SOLUTION,))))
        return path

    def stored(self) -> list[str]:
        """What the gateway has of this person."""
        mine = select(submissions.c.id).where(submissions.c.participant == self.name)
        return [identifier for (identifier,) in self.query(mine.order_by(submissions.c.revision))]

    def query(self, statement: str | Executable, *rows: dict[str, Any]) -> Any:
        """Ask the gateway's own database, for what only its operator could do."""
        return query(self.house.settings, statement, *rows)

    def tamper(self, identifier: str, **values: Any) -> None:
        """Change a submission as a gateway would that wants to be believed; nobody works on it any more."""
        one_more = update(accounts).where(accounts.c.name == self.name).values(revision=accounts.c.revision + 1)
        self.query(one_more)
        revision = select(accounts.c.revision).where(accounts.c.name == self.name).scalar_subquery()
        values |= {"version": submissions.c.version + 1, "revision": revision, "lease_expires": None}
        self.query(update(submissions).where(submissions.c.id == identifier).values(values))

    def revoke(self) -> None:
        self.query(delete(tokens).where(tokens.c.account == self.name))


class Runners:
    """Both roles of the runner, as the gateway sees them; no notebook is run."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.keys = {role: read_secret_keys(house.root / f"{role.value}.key") for role in house.roles}

    def post(self, who: Role, path: str, **body: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.house.tokens[who.value]}"}
        answer = requests.post(self.house.address + API_PREFIX + path, json=body, headers=headers, timeout=20)
        assert answer.ok, answer.text
        return answer

    def claim(self, role: Role) -> tuple[Claim, Binding]:
        answer = self.post(role, "/claims", role=role.value, runner="r", challenges=[SLUG], wait=5)
        assert answer.status_code == 200, "there is nothing to do"
        claim = Claim.model_validate_json(answer.content)
        return claim, unseal_notebook(claim.sealed, self.keys[role].sealing)[0]

    def pass_rehearsal(self) -> None:
        claim, _ = self.claim(Role.REHEARSAL)
        self.post(Role.REHEARSAL, f"/leases/{claim.submission}/rehearsal", token=claim.lease.token, passed=True)

    def fail_rehearsal(self, report: RehearsalReport) -> None:
        claim, binding = self.claim(Role.REHEARSAL)
        sealed = base64.b64encode(encrypt(report.model_dump_json().encode(), [binding.reply_to])).decode()
        body = {"token": claim.lease.token, "passed": False, "report": sealed}
        self.post(Role.REHEARSAL, f"/leases/{claim.submission}/rehearsal", **body)

    def score(self, auc: float = 0.8, **receipt: Any) -> None:
        """Rehearse and score what waits longest; a ``failure`` ends it without a score."""
        self.pass_rehearsal()
        self.finish(*self.claim(Role.BLIND), auc, **receipt)

    def finish(self, claim: Claim, binding: Binding, auc: float = 0.8, **receipt: Any) -> None:
        envelope = receipt_of(binding, self.keys[Role.BLIND], auc, **receipt)
        self.post(Role.BLIND, f"/leases/{claim.submission}/result", token=claim.lease.token, envelope=envelope)


def receipt_of(
    binding: Binding, keys: SecretKeys, auc: float, failure: Failure | None = None, bits: float = 2.5
) -> dict[str, Any]:
    """A signed receipt, as the blind runner makes one."""
    outcome = Outcome(state="scored", tick=1, scores={"roc_auc_score": auc, "brier_score_loss": 0.2})
    if failure:
        outcome = Outcome(state="failed", tick=1, failure=failure)
    receipt = Receipt(
        **binding.model_dump(
            include={"challenge", "phase", "participant", "submission", "notebook_sha256", "card_sha256"}
        ),
        data_root="",
        environment_sha256="",
        runner_version="0",
        bits=bits,
        outcome=outcome,
    )
    return sign_receipt(receipt, keys)


@dataclass
class Requests:
    """The page's requests, with Jupyter's login. No answer may hold a secret."""

    fetch: Callable[..., Any]
    secrets: list[str]

    async def get(self, *path: str, status: int = 200, **query: str) -> Any:
        return await self.send("GET", *path, status=status, params=query)

    async def post(self, *path: str, status: int = 200, **body: Any) -> Any:
        return await self.send("POST", *path, status=status, body=json.dumps(body))

    async def delete(self, *path: str, status: int = 200) -> Any:
        return await self.send("DELETE", *path, status=status)

    async def send(self, method: str, *path: str, status: int, **options: Any) -> Any:
        answer: HTTPResponse = await self.fetch(PREFIX, *path, method=method, raise_error=False, **options)
        text = answer.body.decode()
        assert not any(secret in text + str(list(answer.headers.get_all())) for secret in self.secrets)
        assert answer.code == status, text
        return json.loads(text)

    async def ended(self, job: dict[str, Any]) -> dict[str, Any]:
        """A job, once it has ended."""
        deadline = time.monotonic() + 60
        while job["state"] == "running":
            assert time.monotonic() < deadline, job
            await asyncio.sleep(0.05)
            job = await self.get("jobs", job["id"])
        return job


class Page:
    """A page that listens, and what it has been told so far."""

    def __init__(self, line: WebSocketClientConnection, secrets: list[str]) -> None:
        self.line, self.secrets = line, secrets
        self.events: list[Event] = []
        self.submissions: dict[str, dict[str, Any]] = {}
        self.problem: dict[str, Any] | None = None
        self.asked = self.read = 0

    async def watch(self, *keys: tuple[str, str]) -> None:
        self.asked = len(self.events)
        await self.say(json.dumps({"watch": keys}))

    async def say(self, text: str | bytes) -> None:
        await self.line.write_message(text, binary=isinstance(text, bytes))

    async def next(self, seconds: float = PATIENCE) -> Event | None:
        """The next message; None when the line has closed."""
        text = await asyncio.wait_for(self.line.read_message(), seconds)
        if text is None:
            return None
        assert not any(secret in str(text) for secret in self.secrets)
        event: Event = json.loads(text)
        self.read += len(text)
        self.events.append(event)
        if event["kind"] == "submissions":
            told = {submission["id"]: submission for submission in event["submissions"]}
            self.submissions = told if event["whole"] else self.submissions | told
        if event["kind"] == "problem":
            self.problem = event.get("problem")
        return event

    async def until(self, wanted: Callable[[Event], Any], seconds: float = PATIENCE) -> Event:
        """The next message that is wanted; those before it are read as well."""
        deadline = time.monotonic() + seconds
        while True:
            event = await self.next(deadline - time.monotonic())
            assert event is not None, "the line has closed"
            if wanted(event):
                return event

    async def greeted(self) -> None:
        """Read all that a page is told of a challenge which it watches from now on."""

        def is_whole() -> bool:
            kinds = [event["kind"] for event in self.events[self.asked :]]
            return {"challenge", "board", "submissions"} <= set(kinds) and kinds[-1] == "problem"

        if not is_whole():
            await self.until(lambda event: is_whole())

    async def submission(self, identifier: str, **values: Any) -> dict[str, Any]:
        """A submission, once what is told of it has these values."""

        def has_them() -> bool:
            told = self.submissions.get(identifier, {})
            return bool(told) and all(told.get(key) == value for key, value in values.items())

        if not has_them():
            await self.until(lambda event: has_them())
        return self.submissions[identifier]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["kind"] == kind]

    async def close(self) -> None:
        self.line.close()
        while await self.next() is not None:
            pass


def watches() -> list[str]:
    """The threads that follow a challenge."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("watch ")]


async def become(happens: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait for ``happens`` while the server goes on, and fail when it does not."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

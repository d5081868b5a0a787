"""Requests of every kind to every operation, by every role: never a 5xx, never an answer outside the schema.

``PKIT_SCHEMA_EXAMPLES`` says how many requests each operation gets.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
import uvicorn
from databases import MEMORY, fresh_database
from fastapi import FastAPI
from gateway_world import API, make_envelope, make_kit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support import CARD

from participant_kit.gateway.accounts import create_token
from participant_kit.gateway.app import create_app
from participant_kit.gateway.settings import Settings
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import Role
from participant_kit.protocol.messages import Claim
from participant_kit.protocol.receipts import Failure, Outcome

EXAMPLES = int(os.environ.get("PKIT_SCHEMA_EXAMPLES", "15"))
ROLES = ("participant", "organizer", "runner", "rehearsal", None)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
UNLIMITED = CARD.replace(b", per_day: 10, total: 100", b"")
"""The card without quotas, so that there is always something to claim."""


def read_schema() -> tuple[dict[str, APIOperation], set[str]]:
    """Every operation by its name, and the names of those that need a token.

    The tokens are this module's to choose, and not a part of what is made up.
    """
    with tempfile.TemporaryDirectory() as folder:
        document = create_app(Settings(Path(folder))).openapi()
    guarded = {
        f"{verb.upper()} {path}"
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if all(operation.pop("security", [{}]))  # an empty one is to have no token
    }
    operations = [each.ok() for each in schemathesis.openapi.from_dict(document).get_all_operations()]
    return {f"{each.method.upper()} {each.path}": each for each in operations}, guarded


OPERATIONS, GUARDED = read_schema()


@dataclass
class World:
    """A gateway that listens on a port, a token of each role, and what it holds."""

    address: str
    kit: bytes
    tokens: dict[str, str]
    session: requests.Session = field(default_factory=requests.Session)
    known: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, role: str, **content: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.tokens[role]}"}
        return self.session.request(method, f"{self.address}{API}{path}", headers=headers, timeout=30, **content)

    def submit(self) -> str:
        self.known.append(new_identifier())
        path = f"/challenges/small/submissions/{self.known[-1]}"
        assert self.ask("PUT", path, "participant", data=b"sealed").status_code == 200
        return self.known[-1]

    def claim(self, role: Role) -> Claim:
        body = {"role": role.value, "runner": "r", "challenges": ["small"], "wait": 0}
        answer = self.ask("POST", "/claims", "runner" if role == Role.BLIND else "rehearsal", json=body)
        return Claim.model_validate_json(answer.content)

    def lend(self, role: Role) -> Claim:
        """A submission that is lent to a runner of ``role``."""
        self.submit()
        rehearsal = self.claim(Role.REHEARSAL)
        if role == Role.REHEARSAL:
            return rehearsal
        body = {"token": rehearsal.lease.token, "passed": True}
        assert self.ask("POST", f"/leases/{rehearsal.submission}/rehearsal", "rehearsal", json=body).ok
        return self.claim(Role.BLIND)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(dir=MEMORY))
    data, kit = folder / "gateway", make_kit(folder / "kit", UNLIMITED, (Role.BLIND, Role.REHEARSAL))
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(fresh_database())
        app = create_app(Settings(data, url))
        tokens = {role: create_token(data, role, role, database=url) for role in ROLES if role}
        address, session = stack.enter_context(listening(app)), stack.enter_context(requests.Session())
        world = World(address, kit, tokens, session)
        app.state.service.bell.close()  # who asks to wait gets an answer at once
        assert world.ask("PUT", "/challenges/small", "organizer", data=kit).status_code == 200
        for _ in range(9):  # as many as there is a choice of: hypothesis wants the same choices each time
            world.submit()
        yield world
    shutil.rmtree(folder)


class listening:
    """``app`` on a free port of this machine."""

    def __init__(self, app: FastAPI) -> None:
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})

    def __enter__(self) -> str:
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)


names = st.sampled_from(["roc_auc_score", "brier_score_loss", "accuracy", ""])
outcomes = st.builds(
    Outcome,
    state=st.sampled_from(["scored", "failed", "refused"]),
    tick=st.integers(),
    scores=st.none() | st.dictionaries(names, st.floats(allow_nan=False, allow_infinity=False)),
    failure=st.none() | st.builds(Failure, stage=st.text(max_size=9), cell=st.none() | st.integers()),
)
"""What a runner's key signs that somebody has stolen, or whose card is another."""


def steer(world: World, case: Case, data: st.DataObject) -> None:
    """Put what the gateway knows in the place of some of what was made up: else nothing would get far."""

    def often() -> bool:
        return data.draw(st.integers(0, 3)) > 0

    parameters, body = case.path_parameters, case.body
    if "slug" in parameters and often():
        parameters["slug"] = "small"
    if "identifier" in parameters and often():
        made = [new_identifier()] if case.method == "PUT" else []
        parameters["identifier"] = data.draw(st.sampled_from(world.known[-9:] + made))
    if case.path.endswith("challenges/{slug}") and case.method == "PUT" and often():
        case.body = data.draw(st.sampled_from([world.kit, world.kit[:-9]]))
    if "/leases/" in case.path and isinstance(body, dict) and often():
        claim = world.lend(Role.REHEARSAL if case.path.endswith("rehearsal") else Role.BLIND)
        parameters["identifier"] = claim.submission
        if isinstance(body.get("token"), str):  # else it was made wrong on purpose, and is to be refused
            body["token"] = claim.lease.token
        if isinstance(body.get("envelope"), dict) and often():
            bits = data.draw(st.floats(allow_nan=False, allow_infinity=False))
            body["envelope"] = make_envelope(claim, outcome=data.draw(outcomes), bits=bits)
    if "/claims" in case.path and isinstance(body, dict) and isinstance(body.get("challenges"), list) and often():
        body["challenges"][:1] = ["small"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_request_gets_a_5xx_or_an_answer_outside_the_schema(world: World, name: str) -> None:
    operation = OPERATIONS[name]
    can_be_wrong = operation.query or operation.headers or operation.body
    cases = st.one_of(
        operation.as_strategy(mode) for mode in (GenerationMode if can_be_wrong else [*GenerationMode][:1])
    )

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=cases, role=st.sampled_from(ROLES), data=st.data())
    def ask(case: Case, role: str | None, data: st.DataObject) -> None:
        steer(world, case, data)
        headers = {"Authorization": f"Bearer {world.tokens[role]}"} if role else {}
        response = case.call(base_url=world.address, session=world.session, headers=headers)
        case.validate_response(response, checks=CHECKS)
        if role is None and name in GUARDED:
            assert response.status_code >= 400, "done for somebody without a token"

    ask()

"""A blind runner says four things to the gateway, and only what the gate made depends on the data."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from small_gateway import send
from support import make_card

from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.messages import ClaimRequest, LeaseToken
from participant_kit.protocol.sealing import Binding
from participant_kit.secure_side.gate import Finding, Released, ReleaseGate
from participant_kit.secure_side.leaderboard import make_mechanism
from participant_kit.secure_side.outlet import BlindOutlet

Serve = Callable[[Callable[[BaseHTTPRequestHandler], None]], str]
FACTS = {"card_sha256": "c", "data_root": "d", "environment_sha256": "e", "runner_version": "1"}
LEASE = {"token": "t", "attempt": 1, "expires_at": "2026-01-01T00:00:00Z", "seconds": 30}


class Record:
    """Remembers nothing."""

    def held(self) -> nullcontext[None]:
        return nullcontext()

    def append(self, *line: Any) -> None:
        pass

    def sent(self, submission: str, kind: str) -> None:
        return None

    def is_open(self, binding: Binding) -> bool:
        return False

    def charged(self, binding: Binding) -> tuple[float, float, float]:
        return (0.0, 0.0, 0.0)

    def memory(self, binding: Binding) -> None:
        return None


def released(score: float) -> Released:
    card, keys = make_card(), SecretKeys.generate(Role.BLIND)
    named = {"challenge": "small", "phase": "development", "participant": "ada", "submission": "s-1"}
    found = Finding(scores={"roc_auc_score": score, "brier_score_loss": 0.5})
    gate = ReleaseGate(card, keys, FACTS, Record(), make_mechanism(card))
    made = gate.release(Binding(**named, reply_to="", notebook_sha256="0" * 64), found, 1)
    assert made
    return made


@pytest.fixture
def heard() -> list[tuple[str, dict[str, str], dict[str, Any]]]:
    return []


@pytest.fixture
def outlet(serve: Serve, heard: list[tuple[str, dict[str, str], dict[str, Any]]]) -> BlindOutlet:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        heard.append((handler.path, dict(handler.headers), json.loads(body)))
        content = json.dumps(LEASE).encode() if handler.path.endswith("/renew") else b"null"
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return BlindOutlet(serve(answer), "token")


def test_all_but_a_result_is_the_runner_s_name_its_size_and_the_gateway_s_own_token(
    outlet: BlindOutlet, heard: list[tuple[str, dict[str, str], dict[str, Any]]]
) -> None:
    token = LeaseToken(token="given")
    limits = {"cpus": 2.0, "memory": 2**30, "wall_time": None, "gpus": None}
    outlet.claim(ClaimRequest(role=Role.BLIND, runner="r", challenges=["small"], wait=0, **limits))
    outlet.renew("s-1", token)
    outlet.give_back("s-1", token)
    assert [(path.removeprefix("/api/v1"), body) for path, _, body in heard] == [
        ("/claims", {"role": "blind", "runner": "r", "challenges": ["small"], "wait": 0, **limits}),
        ("/leases/s-1/renew", {"token": "given"}),
        ("/leases/s-1/return", {"token": "given"}),
    ]


def test_all_goes_over_one_connection(serve: Serve) -> None:
    callers = set()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        callers.add(handler.client_address)
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        send(handler, LEASE if handler.path.endswith("/renew") else None)

    outlet = BlindOutlet(serve(answer), "token")
    outlet.claim(ClaimRequest(role=Role.BLIND, runner="r", challenges=["small"], wait=0))
    outlet.renew("s-1", LeaseToken(token="given"))
    outlet.send(released(0.5), LeaseToken(token="given"), threading.Event(), print)
    assert len(callers) == 1


def test_two_results_differ_in_their_signed_envelope_alone(
    outlet: BlindOutlet, heard: list[tuple[str, dict[str, str], dict[str, Any]]]
) -> None:
    for score in (0.1, 0.9):
        outlet.send(released(score), LeaseToken(token="given"), threading.Event(), print)
    (path, headers, one), (other_path, other_headers, other) = heard
    assert path == other_path == "/api/v1/leases/s-1/result"
    assert set(one) == {"token", "envelope"} and one["token"] == other["token"]
    assert {name: value for name, value in headers.items() if name != "Content-Length"} == {
        name: value for name, value in other_headers.items() if name != "Content-Length"
    }


@pytest.mark.parametrize(
    "forged",
    [object.__new__(Released), {"row": 4711}, "row 4711", None, object()],
    ids=lambda forged: type(forged).__name__,
)
def test_what_the_gate_did_not_make_is_not_sent(
    outlet: BlindOutlet, heard: list[tuple[str, dict[str, str], dict[str, Any]]], forged: Any
) -> None:
    with pytest.raises(TypeError):
        outlet.send(forged, LeaseToken(token="given"), threading.Event(), print)
    assert heard == []


def test_a_blind_runner_has_no_word_for_a_rehearsal_s_log(outlet: BlindOutlet) -> None:
    said = {name for name in dir(BlindOutlet) if not name.startswith("_")}
    assert said == {"claim", "renew", "give_back", "send"}

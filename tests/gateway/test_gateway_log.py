"""What a gateway writes while it runs: a line of JSON for each request, spans, and nothing of what was sent."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests
from gateway_process import GatewayProcess, wait_for
from gateway_world import API, make_envelope, make_kit

from participant_kit.protocol.identifiers import new_identifier

CANARY = "canary-4711-of-secrets"
TRACED = {"OTEL_TRACES_EXPORTER": "console", "OTEL_BSP_SCHEDULE_DELAY": "100", "FASTAPI_OTEL_AUTO_CONFIGURE": "true"}
"""The last would have FastAPI record by itself, exceptions with their text."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, GatewayProcess]]:
    """All that a gateway wrote after a canary was put wherever a client can; and the submission of one good request."""
    root = tmp_path_factory.mktemp("gateway")
    with GatewayProcess(root, "--log-format", "json", environment=TRACED) as running:
        running.publish(make_kit(root / "kit"))
        identifier, address = new_identifier(), f"{running.address}{API}"
        assert running.submit("ada", identifier, CANARY.encode()).status_code == 200
        claim = running.claim()
        assert claim
        headers = running.auth("runner", "runner")
        for token in (claim.lease.token, CANARY, [CANARY]):
            requests.post(f"{address}/leases/{identifier}/renew", json={"token": token}, headers=headers)
        assert running.finish(claim, make_envelope(claim)).status_code == 204
        requests.get(f"{address}/me", headers={"Authorization": f"Bearer {CANARY}"})
        requests.get(f"{address}/submissions/{CANARY}?token={CANARY}&wait={CANARY}", headers=running.auth("ada"))
        requests.get(f"{address}/challenges/{CANARY}/leaderboard?phase={CANARY}")
        requests.put(f"{address}/challenges/small/submissions/{CANARY}", data=CANARY, headers=running.auth("ada"))
        requests.put(f"{address}/challenges/small", data=CANARY, headers=running.auth("org"))
        requests.post(f"{address}/accounts", json={"name": CANARY, "role": CANARY}, headers=running.auth("org"))
        requests.get(f"{running.address}/{CANARY}", headers={"Cookie": CANARY, "User-Agent": CANARY, "Referer": CANARY})
        requests.request(CANARY, f"{running.address}/")
        for line in (f"%0a{CANARY}", f"%0d%0a{CANARY}", f"%1b[2K{CANARY}", f"%e2%80%a8{CANARY}"):  # lines of their own
            requests.get(f"{address}/challenges/small{line}/kit?phase={line}", headers=running.auth("ada"))
            requests.get(f"{running.address}/login?next=/{line}", headers={"Accept": "text/html"})
            requests.post(f"{running.address}/login", data={"token": line}, headers={"Origin": running.address})
        requests.get(f"{address}/", headers={"X-Request-ID": f"{CANARY} {CANARY}", "traceparent": CANARY})
        answer = requests.get(f"{address}/", headers={"X-Request-ID": "well-formed-1"})
        assert answer.headers["X-Request-ID"] == "well-formed-1"
        (running.data / "blobs" / "sealed").rename(running.data / "elsewhere")
        (running.data / "blobs" / "sealed").write_text(CANARY)
        assert running.submit("ada", sealed=CANARY.encode()).status_code == 500
        running.process.terminate()
        running.process.wait(20)
    yield running.log(), identifier, running


def events(log: str) -> list[dict[str, Any]]:
    """Each line that is of the log; spans are of more lines, and the last word is on standard output."""
    return [json.loads(line) for line in log.splitlines() if line.startswith('{"')]


@pytest.mark.attack("log injection")
def test_no_line_or_span_holds_anything_that_was_sent(written: tuple[str, str, GatewayProcess]) -> None:
    log, _, running = written
    assert "canary" not in log.lower()
    for token in running.tokens.values():
        assert token not in log


def test_each_request_has_a_line_with_its_route_and_time(written: tuple[str, str, GatewayProcess]) -> None:
    log, identifier, _ = written
    (line,) = [each for each in events(log) if each.get("account") == "ada" and each["status"] == 200]
    assert uuid.UUID(line.pop("request"))
    assert line.pop("milliseconds") > 0
    assert line.pop("time")
    assert line == {
        "level": "INFO",
        "logger": "participant_kit.gateway.watch",
        "message": "request",
        "service": "gateway",
        "method": "PUT",
        "route": f"{API}/challenges/{{slug}}/submissions/{{identifier}}",
        "status": 200,
        "submission": identifier,
        "account": "ada",
    }
    assert [each["route"] for each in events(log) if each.get("request") == "well-formed-1"] == [f"{API}/"]


def test_a_fault_has_a_line_that_says_where_and_not_what(written: tuple[str, str, GatewayProcess]) -> None:
    (line,) = [each for each in events(written[0]) if each["level"] == "ERROR"]
    assert "Error in blobs.py:" in line["message"] or "Error in pathlib.py:" in line["message"]


def test_each_request_has_a_span(written: tuple[str, str, GatewayProcess]) -> None:
    log, _, _ = written
    route = f"{API}/challenges/{{slug}}/submissions/{{identifier}}"
    assert f'"name": "PUT {route}"' in log
    assert '"service.name": "participant-kit-gateway"' in log
    assert '"http.response.status_code": 500' in log


def test_what_is_not_asked_for_is_not_imported() -> None:
    """FastAPI imports the interface of OpenTelemetry by itself, and records nothing without what is behind it."""
    program = """
import sys
from participant_kit.cli import main, tracing
import participant_kit.secure_side.service
tracing.configure("runner")
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
import participant_kit.gateway.server
tracing.configure("gateway")
assert not [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_runners_traces_stay_on_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    from participant_kit.cli.tracing import TracingError, configure

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example.org:4318")
    with pytest.raises(TracingError, match="another machine"):
        configure("blind-runner", stays_here=True)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    with pytest.raises(TracingError, match="'zipkin'"):
        configure("gateway")


def test_spans_go_to_the_collector_and_past_every_proxy(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[[Callable[[BaseHTTPRequestHandler], None]], str]
) -> None:
    from participant_kit.cli.tracing import configure
    from participant_kit.protocol.spans import span, trace_with

    got: list[tuple[str, bytes]] = []

    def collect(handler: BaseHTTPRequestHandler) -> None:
        got.append((handler.path, handler.rfile.read(int(handler.headers["Content-Length"]))))
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", serve(collect))
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    configure("blind-runner", stays_here=True)
    try:
        with pytest.raises(ValueError, match=CANARY), span("run", submission="s-1"):
            raise ValueError(CANARY)
    finally:
        trace_with(None)
    wait_for(lambda: got)
    assert got[0][0] == "/v1/traces"
    assert b"s-1" in got[0][1] and b"participant-kit-blind-runner" in got[0][1]
    assert CANARY.encode() not in got[0][1], "the text of an exception"

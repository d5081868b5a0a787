"""What who operates a gateway sees of it: metrics, readiness, how it stops. Real processes, real connections."""

from __future__ import annotations

import re
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from databases import query
from gateway_process import GatewayProcess, wait_for
from gateway_world import API, World, make_kit

from participant_kit.gateway.readiness import Readiness
from participant_kit.gateway.settings import Settings
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.messages import Problem


@contextmanager
def gateway(root: Path, *words: str) -> Iterator[GatewayProcess]:
    with GatewayProcess(root, *words) as running:
        running.publish(make_kit(root / "kit"))
        yield running


def value(metrics: str, name: str, **labels: str) -> float:
    """One number of a page of metrics, whose labels are at least these."""
    for line in metrics.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if found and found[1] == name and labels.items() <= dict(re.findall(r'(\w+)="(.*?)"', found[2] or "")).items():
            return float(found[3])
    return float("nan")


def test_the_metrics_say_what_waits_and_what_was_asked_and_name_nobody(tmp_path: Path) -> None:
    with gateway(tmp_path, "--metrics", "0", "--lease", "1") as running:
        first, secret = new_identifier(), "secret-of-the-query"
        for identifier in (first, new_identifier()):
            assert running.submit("ada-lovelace", identifier).status_code == 200
        assert running.claim()
        requests.get(f"{running.address}{API}/submissions/{secret}?token={secret}")
        requests.request("SECRETMETHOD", f"{running.address}/{secret}")
        requests.request("PURGE", f"{running.address}/{secret}")
        time.sleep(1.1)  # the lease of a second, which nobody renews, runs out
        assert running.claim()
        metrics = running.metrics()
        assert requests.get(f"{running.address}/metrics").status_code == 404, "not where participants come"
    assert running.metrics_address.startswith("http://127.0.0.1:")
    assert value(metrics, "pkit_gateway_submissions", challenge="small", state="running") == 1
    assert value(metrics, "pkit_gateway_queue", challenge="small", role="blind") == 1
    assert value(metrics, "pkit_gateway_queue", challenge="small", role="rehearsal") == 0
    assert 0 <= value(metrics, "pkit_gateway_queue_oldest_seconds", challenge="small", role="blind") < 60
    assert value(metrics, "pkit_gateway_leases_lost_total", challenge="small", role="blind") == 1
    assert value(metrics, "pkit_gateway_database_up") == 1
    route = f"{API}/challenges/{{slug}}/submissions/{{identifier}}"
    seen = {"method": "PUT", "route": route, "status": "200"}
    assert value(metrics, "pkit_gateway_request_seconds_count", **seen) == 2
    assert value(metrics, "pkit_gateway_request_seconds_bucket", le="60.0", **seen) == 2
    assert value(metrics, "pkit_gateway_request_seconds_count", method="other", route="other", status="404") == 1
    for private in ("ada", first, secret, "SECRETMETHOD", "r-1", *running.tokens.values()):
        assert private not in metrics


def test_ready_is_who_can_reach_database_schema_and_blobs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("participant_kit.gateway.readiness.KEPT", 0.0)
    assert world.client.get("/readyz").json() == {"status": "ready"}

    def refused() -> str:
        answer = world.client.get("/readyz")
        assert answer.status_code == 503
        assert world.client.get("/healthz").status_code == 200, "it is alive all the same"
        return Problem.model_validate_json(answer.content).message

    blobs = world.data / "blobs"
    moved = blobs.rename(world.data / "elsewhere")
    blobs.write_text("no folder")
    assert refused() == "The blobs cannot be written."
    blobs.unlink()
    moved.rename(blobs)
    with monkeypatch.context() as patch:
        patch.setattr("participant_kit.gateway.readiness.RESERVE", 1 << 60)
        assert "disk is full" in refused()
    settings = Settings(world.data, world.database)
    query(settings, "UPDATE alembic_version SET version_num = '9999'")
    assert "9999" in refused()
    query(settings, "DROP TABLE alembic_version")
    assert "None" in refused()


def test_many_who_ask_whether_it_is_ready_cost_one_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(Readiness, "_look", lambda self: looks.append(1) or "")
    for _ in range(20):
        assert world.client.get("/readyz").status_code == 200
    assert len(looks) == 1


def test_told_to_stop_it_answers_what_waits_refuses_what_is_new_and_ends(tmp_path: Path) -> None:
    with gateway(tmp_path, "--drain-seconds", "100") as running, running.half_an_upload() as upload:
        answers: list[requests.Response] = []
        running.token("runner", "runner")
        waiting = threading.Thread(target=lambda: answers.append(running.ask_for_work(wait=50)))
        waiting.start()
        time.sleep(1)
        running.process.send_signal(signal.SIGTERM)
        waiting.join(20)
        assert answers[0].status_code == 204, "who waits for a change is answered at once"
        refused = requests.get(f"{running.address}{API}/")
        assert (refused.status_code, Problem.model_validate_json(refused.content).code) == (503, "draining")
        assert int(refused.headers["Retry-After"]) > 0
        assert requests.get(f"{running.address}/readyz").status_code == 503
        assert requests.get(f"{running.address}/healthz").status_code == 200
        assert upload.finish() == 200, "what had begun is stored"
        assert running.process.wait(30) == 0
        assert "Metrics" not in running.log(), "none is served without being asked"


def test_told_twice_it_ends_at_once(tmp_path: Path) -> None:
    with gateway(tmp_path, "--drain-seconds", "100") as running, running.half_an_upload():
        time.sleep(1)
        running.process.send_signal(signal.SIGTERM)
        wait_for(lambda: requests.get(f"{running.address}/readyz").status_code == 503)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(30)


def test_a_transaction_that_hangs_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    with gateway(tmp_path, "--drain-seconds", "1") as running:
        running.token("ada")
        connection = sqlite3.connect(tmp_path / "gateway" / "gateway.sqlite", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        asking = threading.Thread(target=running.try_to_submit)
        asking.start()
        time.sleep(1)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(15) == 1, "which is less than the gateway waits for the lock"
        asking.join()
        connection.close()
        assert "rolled back" in running.log()

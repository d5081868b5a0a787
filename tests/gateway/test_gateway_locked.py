"""Another process holds the database's write lock: a change waits, or is refused whole with a time to come back."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from gateway_world import API, World, make_kit

from participant_kit.gateway.app import create_app
from participant_kit.gateway.settings import Settings

HOLD = """
import sys
from participant_kit.gateway.database import open_engine
with open_engine(sys.argv[1]).connect().execution_options(writes=True) as connection, connection.begin():
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE submissions, accounts IN EXCLUSIVE MODE")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def impatient(tmp_path: Path, data: Path, database: str | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A gateway that waits for half a second and no longer."""
    monkeypatch.setattr("participant_kit.gateway.database.PATIENCE", 0.5)
    with TestClient(create_app(Settings(data, database, lease=60)), raise_server_exceptions=False) as client:
        world = World(client, data, database)
        world.publish(make_kit(tmp_path / "kit"))
        world.auth("ada")
        world.auth("runner", "runner")
        yield world


@contextmanager
def locked(world: World) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", HOLD, Settings(world.data, world.database).database_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdin
        assert holder.stdout.readline() == b"held\n"
        yield holder
        holder.stdin.close()


def used(world: World) -> int:
    quota = world.client.get(f"{API}/challenges/small/quota", headers=world.auth("ada"))
    return int(quota.json()["used_total"])


def test_a_change_waits_until_the_lock_is_gone(world: World) -> None:
    world.auth("ada")
    answers = []
    with locked(world):
        asking = threading.Thread(target=lambda: answers.append(world.submit()))
        asking.start()
        asking.join(1.0)
        assert not answers
        assert used(world) == 0, "who only reads does not wait"
    asking.join(20)
    assert (answers[0].status_code, used(world)) == (200, 1)


def test_a_change_that_has_waited_long_is_refused_whole_and_may_come_again(impatient: World) -> None:
    world = impatient
    kept = world.submit().json()["id"]
    claim = world.claim()
    assert claim
    with locked(world):
        cancel = world.client.post(f"{API}/submissions/{kept}/cancel", headers=world.auth("ada"))
        for answer in (world.submit(), world.lease("renew", claim), world.finish(claim), cancel):
            assert (answer.status_code, answer.json()["code"]) == (503, "busy")
            assert int(answer.headers["Retry-After"]) > 0
    assert used(world) == 1
    assert len(list((world.data / "blobs" / "sealed").iterdir())) == 1, "what was refused is not kept"
    assert world.status(kept)["state"] == "running"
    assert world.finish(claim).status_code == 204
    assert (world.submit().status_code, used(world)) == (200, 2)


def test_the_openapi_document_says_that_it_may_be_busy_or_full(world: World) -> None:
    for verbs in world.client.get("/openapi.json").json()["paths"].values():
        for operation in verbs.values():
            assert {"503", "507"} <= operation["responses"].keys()

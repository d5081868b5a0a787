"""Blobs on disk and in an S3 store: the same promises, kept by a real server, which also goes away."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import requests
from gateway_process import GatewayProcess, wait_for
from gateway_world import API, make_envelope, make_kit
from stores import BUCKET, SECRET, Store
from typer.testing import CliRunner

from participant_kit.cli.main import app
from participant_kit.gateway.backup import back_up, restore
from participant_kit.gateway.blobs import SETTLED, Blobs, StoreError, open_blobs
from participant_kit.gateway.errors import SettingsError
from participant_kit.gateway.s3 import PATIENCE
from participant_kit.gateway.settings import Settings


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    with Store(signed=True) as store:
        yield store


@pytest.fixture
def store(server: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture(params=["disk", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    url = f"s3://{BUCKET}/{tmp_path.name}" if request.param == "s3" else None
    if url:
        request.getfixturevalue("store")
    return Settings(tmp_path, blobs=url)


def folder_of(settings: Settings, store: Store) -> Path:
    """Where the files of a store are in the end."""
    return store.root / settings.blobs.removeprefix("s3://") if settings.blobs else settings.data / "blobs"


@pytest.fixture
def blobs(settings: Settings) -> Blobs:
    return open_blobs(settings)


def test_what_is_put_is_there_until_it_is_removed(blobs: Blobs, settings: Settings) -> None:
    content = bytes(range(256)) * 1000
    blobs.put("sealed", "one.1", content)
    blobs.put("logs", "one.1", b"")
    assert (blobs.get("sealed", "one.1"), blobs.get("logs", "one.1")) == (content, b"")
    assert open_blobs(settings).get("sealed", "one.1") == content
    blobs.put("sealed", "one.1", b"another")
    assert blobs.get("sealed", "one.1") == b"another"
    for _ in range(2):
        blobs.remove("sealed", "one.1")
    assert (blobs.get("sealed", "one.1"), blobs.get("logs", "one.1")) == (None, b"")


def test_a_sweep_takes_what_is_old_and_nobodys(blobs: Blobs, settings: Settings, server: Store) -> None:
    for name in ("young", "old", "kept"):
        blobs.put("sealed", name, b"x")
    blobs.put("kits", "old", b"x")
    for path in folder_of(settings, server).glob("*/*"):
        if path.name != "young":
            os.utime(path, (time.time() - SETTLED - 60,) * 2)
    blobs.sweep("sealed", ["kept"])
    assert [blobs.get("sealed", name) for name in ("young", "old", "kept")] == [b"x", None, b"x"]
    assert blobs.get("kits", "old") == b"x"


@pytest.fixture
def gateway(store: Store, tmp_path: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path, "--blobs", store.url) as running:
        running.publish(make_kit(tmp_path / "kit"))
        yield running


def test_a_submission_goes_its_whole_way_with_its_notebook_in_the_store(gateway: GatewayProcess, store: Store) -> None:
    identifier = gateway.submit(sealed=b"a sealed notebook").json()["id"]
    (name,) = store.names("sealed")
    assert name.startswith(identifier)
    assert not (gateway.data / "blobs").exists()
    claim = gateway.claim()
    assert claim and claim.sealed == b"a sealed notebook"
    assert gateway.finish(claim, make_envelope(claim)).status_code == 204
    assert gateway.status(identifier)["state"] == "scored"
    assert store.names("sealed") == []
    assert requests.get(f"{gateway.address}{API}/challenges/small/kit").content == make_kit(gateway.root / "again")
    assert requests.get(f"{gateway.address}/readyz").status_code == 200
    assert SECRET not in gateway.log()


def test_a_store_that_goes_away_makes_everybody_wait_and_loses_nothing(gateway: GatewayProcess, store: Store) -> None:
    first = gateway.submit().json()["id"]
    store.stop()
    try:
        claims = [gateway.ask_for_work() for _ in range(3)]  # as often as a runner may be lost
        for answer in (gateway.submit(), *claims):
            assert (answer.status_code, answer.json()["code"]) == (503, "busy")
            assert int(answer.headers["Retry-After"]) > 0
        assert requests.get(f"{gateway.address}/readyz").status_code == 503
    finally:
        store.start()
    assert gateway.status(first)["state"] == "queued"
    claim = gateway.claim()
    assert claim and (claim.submission, claim.sealed) == (first, b"sealed")
    assert gateway.claim() is None, "what was refused is not there"
    store.stop()
    try:
        assert gateway.finish(claim, make_envelope(claim)).status_code == 204, "a result needs no store"
    finally:
        store.start()
    assert gateway.status(first)["state"] == "scored"
    assert SECRET not in gateway.log()


@contextmanager
def other_keys(store: Store) -> Iterator[None]:
    store.accept("another-secret")
    try:
        yield
    finally:
        store.accept(SECRET)


@contextmanager
def no_bucket(store: Store) -> Iterator[None]:
    (store.root / BUCKET).rename(store.root / "elsewhere")
    try:
        yield
    finally:
        (store.root / "elsewhere").rename(store.root / BUCKET)


@pytest.mark.parametrize(
    ("trouble", "said"), [(other_keys, "does not accept the keys"), (no_bucket, "there is no such bucket")]
)
def test_keys_that_are_refused_or_a_bucket_that_is_gone_make_everybody_wait_and_lose_nothing(
    gateway: GatewayProcess, store: Store, trouble: Callable[[Store], AbstractContextManager[None]], said: str
) -> None:
    first = gateway.submit().json()["id"]
    ready = f"{gateway.address}/readyz"
    assert requests.get(ready).status_code == 200
    with trouble(store):
        claims = [gateway.ask_for_work() for _ in range(3)]  # as often as a runner may be lost
        for answer in (gateway.submit(), *claims):
            assert (answer.status_code, answer.json()["code"]) == (503, "busy")
            assert answer.json()["message"] == "The gateway cannot use its store of blobs now."
        wait_for(lambda: requests.get(ready).status_code == 503)  # an answer holds for a moment
        assert said in requests.get(ready).json()["message"]
    wait_for(lambda: requests.get(ready).status_code == 200)
    claim = gateway.claim()
    assert claim and (claim.submission, claim.sealed) == (first, b"sealed")
    assert gateway.claim() is None, "what was refused is not there"
    assert gateway.finish(claim, make_envelope(claim)).status_code == 204
    assert gateway.status(first)["state"] == "scored"
    assert said in gateway.log() and SECRET not in gateway.log() and "another-secret" not in gateway.log()


def test_keys_that_are_refused_are_said_at_start(store: Store, tmp_path: Path) -> None:
    with other_keys(store):
        done = CliRunner().invoke(app, ["gateway", "start", "--data", str(tmp_path), "--blobs", store.url])
    assert isinstance(done.exception, SettingsError)
    assert "does not accept the keys" in done.exception.message and SECRET not in str(done.exception)


def test_a_bucket_that_is_gone_is_no_lost_notebook(store: Store) -> None:
    blobs = open_blobs(Settings(Path(), blobs=store.url))
    with no_bucket(store), pytest.raises(StoreError, match="bucket"):
        blobs.get("sealed", "one")
    assert blobs.get("sealed", "one") is None


def test_a_backup_of_the_store_is_brought_back_on_a_disk(gateway: GatewayProcess, store: Store, tmp_path: Path) -> None:
    gateway.submit(sealed=b"a sealed notebook")
    made = back_up(Settings(gateway.data, blobs=store.url), tmp_path / "backup.zip")
    assert made.missing == []
    second = tmp_path / "second"
    second.mkdir()
    restore(Settings(second / "gateway"), tmp_path / "backup.zip")
    with GatewayProcess(second) as other:
        claim = other.claim()
        assert claim and claim.sealed == b"a sealed notebook"
    restore(Settings(tmp_path / "third", blobs=f"s3://{BUCKET}/third"), tmp_path / "backup.zip")
    assert [path.read_bytes() for path in (store.root / BUCKET / "third" / "sealed").iterdir()] == [
        b"a sealed notebook"
    ]


@pytest.mark.parametrize(
    ("url", "said"),
    [("s3://no-such-bucket", "no such bucket"), ("s3://", "no address"), ("s3://key:secret@bucket/x", "no address"),
     ("gs://bucket", "does not know"), ("/folder", "does not know")],
)  # fmt: skip
def test_a_store_that_cannot_be_is_said_at_start(store: Store, tmp_path: Path, url: str, said: str) -> None:
    done = CliRunner().invoke(app, ["gateway", "start", "--data", str(tmp_path), "--blobs", url])
    assert isinstance(done.exception, SettingsError)
    assert said in done.exception.message and "secret" not in done.exception.message
    assert done.exception.hint


def test_a_store_that_is_away_is_said_at_start_soon(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    begun = time.monotonic()
    with pytest.raises(SettingsError, match="does not answer"):
        open_blobs(Settings(Path(), blobs=store.url))
    assert time.monotonic() - begun < 2 * PATIENCE.total_seconds()

"""A backup is made while work goes on, and what is brought back is whole: everything ends, and once."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from gateway_process import GatewayProcess
from gateway_world import World, make_envelope, make_kit
from support import CARD
from typer.testing import CliRunner

from participant_kit.cli.main import app
from participant_kit.gateway.backup import back_up, restore
from participant_kit.gateway.dump import BackupError
from participant_kit.gateway.schema import SchemaError, newest
from participant_kit.gateway.settings import Settings
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.messages import Claim

UNLIMITED = CARD.replace(b", per_day: 10, total: 100", b"")


@pytest.fixture
def database() -> None:
    """SQLite's: for PostgreSQL there is a file of its own."""


@contextmanager
def load(gateway: GatewayProcess, lent: list[Claim]) -> Iterator[None]:
    """Participants submit, and runners finish what they claim, until the end; each fifth claim is kept in ``lent``."""
    stopping = threading.Event()

    def submit(who: str) -> None:
        while not stopping.is_set():
            gateway.submit(who, sealed=new_identifier().encode())

    def work() -> None:
        count = 0
        while not stopping.is_set():
            if claim := gateway.claim():
                count += 1
                lent.append(claim) if count % 5 == 0 else gateway.finish(claim, make_envelope(claim))

    for who in ("ada", "bob"):
        gateway.token(who)
    gateway.token("runner", "runner")
    threads = [threading.Thread(target=submit, args=(who,)) for who in ("ada", "bob")]
    threads += [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def test_a_backup_under_load_brought_back_elsewhere_ends_everything_once(tmp_path: Path) -> None:
    first, second, file = tmp_path / "first", tmp_path / "second", tmp_path / "backup.zip"
    for folder in (first, second):
        folder.mkdir()
    lent: list[Claim] = []
    with GatewayProcess(first, "--lease", "60") as old:
        old.publish(make_kit(first / "kit", UNLIMITED))
        with load(old, lent):
            time.sleep(1.5)
            made = back_up(Settings(old.data), file)
            time.sleep(0.5)
    assert made.missing == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    restore(Settings(second / "gateway"), file)
    with sqlite3.connect(second / "gateway" / "gateway.sqlite") as connection:
        known = {row[0] for row in connection.execute("SELECT id FROM submissions")}
    assert len(known) > 5
    assert [claim for claim in lent if claim.submission in known], "some were lent at that moment"
    with GatewayProcess(second, "--lease", "60") as new:
        new.tokens = old.tokens
        for claim in lent:
            assert new.finish(claim, make_envelope(claim)).status_code == 409, "a lease of before is none"
        waited = new.status(next(iter(known & {claim.submission for claim in lent})), "ada")
        while claim := new.claim():
            assert claim.sealed, "its notebook came along"
            assert new.finish(claim, make_envelope(claim)).status_code == 204
        answer = requests.get(f"{new.address}/api/v1/challenges/small/kit")
        assert answer.content == make_kit(tmp_path / "again", UNLIMITED)
    assert waited.get("state", "queued") == "queued"
    with sqlite3.connect(second / "gateway" / "gateway.sqlite") as connection:
        assert connection.execute("SELECT DISTINCT state FROM submissions").fetchall() == [("scored",)]
        assert {row[0] for row in connection.execute("SELECT submission FROM results")} == known


@pytest.fixture
def saved(world: World, tmp_path: Path) -> Path:
    """A backup of a gateway that had one submission of ada's, lent."""
    world.submit()
    assert world.claim()
    back_up(Settings(world.data), tmp_path / "backup.zip")
    return tmp_path / "backup.zip"


def count(data: Path) -> int:
    with sqlite3.connect(data / "gateway.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM submissions").fetchone()[0])


def test_who_watches_a_gateway_that_is_brought_back_sees_it_at_once(world: World, saved: Path) -> None:
    changes = f"/api/v1/challenges/small/changes?after={10}"
    identifier = world.client.get("/api/v1/submissions", headers=world.auth("ada")).json()[0]["id"]
    for _ in range(6):
        world.submit()
    restore(Settings(world.data), saved, force=True)
    answer = world.client.get(changes, headers=world.auth("ada")).json()
    assert [(each["id"], each["state"]) for each in answer["submissions"]] == [(identifier, "queued")]
    claim = world.claim()
    assert claim and world.finish(claim).status_code == 204, "the running gateway goes on with it"


def test_what_is_there_is_replaced_only_by_force(world: World, saved: Path) -> None:
    world.submit()
    with pytest.raises(BackupError, match="already"):
        restore(Settings(world.data), saved)
    assert count(world.data) == 2
    with pytest.raises(BackupError, match="exists"):
        back_up(Settings(world.data), saved)


def change(file: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(file) as archive:
        members = {member: archive.read(member) for member in archive.namelist()} | {name: content}
    with zipfile.ZipFile(file, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)


@pytest.mark.parametrize("part", ["database", "blobs/kits/small", "blobs/sealed/", "blobs/sealed/../../../evil"])
def test_a_damaged_backup_changes_nothing(world: World, saved: Path, part: str) -> None:
    names = [name for name in zipfile.ZipFile(saved).namelist() if name.startswith(part)]
    change(saved, names[0] if names else part, b"damaged")
    with pytest.raises(BackupError, match="damaged"):
        restore(Settings(world.data), saved, force=True)
    assert count(world.data) == 1
    with pytest.raises(BackupError, match="is no backup"):
        restore(Settings(world.data), world.data / "gateway.sqlite", force=True)


def test_a_backup_of_a_newer_version_is_refused(world: World, saved: Path) -> None:
    manifest = json.loads(zipfile.ZipFile(saved).read("manifest.json"))
    change(saved, "manifest.json", json.dumps({**manifest, "revision": "9999", "format": 2}).encode())
    with pytest.raises(SchemaError, match="9999"):
        restore(Settings(world.data), saved, force=True)
    assert count(world.data) == 1


def test_a_backup_from_before_an_upgrade_takes_it_back(world: World, saved: Path) -> None:
    with sqlite3.connect(world.data / "gateway.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("CREATE TABLE of_a_newer_version (x)")
    connection.close()
    with pytest.raises(BackupError, match="already"):
        restore(Settings(world.data), saved)
    restore(Settings(world.data), saved, force=True)
    with sqlite3.connect(world.data / "gateway.sqlite") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest(),)]
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'of_a_newer_version'").fetchall()
    connection.close()


def test_a_restore_that_is_killed_leaves_the_old_state_or_the_new(world: World, saved: Path) -> None:
    seen = set()
    for milliseconds in (0, 5, 10, 20, 30, 40, 60, None):
        if count(world.data) == 1:
            world.submit()
        child = os.fork()
        if child == 0:
            restore(Settings(world.data), saved, force=True)
            os._exit(0)
        if milliseconds is not None:
            time.sleep(milliseconds / 1000)
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen.add(count(world.data))
        assert world.client.get("/api/v1/submissions", headers=world.auth("ada")).status_code == 200
    assert seen == {1, 2}
    assert not list(world.data.glob(".restore-*")), "what was left of those that were killed"


def invoke(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["gateway", *words])
    return done.exit_code, str(done.exception or "") + done.stdout


def test_a_schema_is_upgraded_ahead_of_start_or_only_looked_at(tmp_path: Path) -> None:
    from alembic import command
    from sqlalchemy import create_engine

    from participant_kit.gateway.schema import _config

    config, data = _config(), str(tmp_path)
    with create_engine(f"sqlite:///{tmp_path / 'gateway.sqlite'}").connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    for words, said in (
        (["--check"], f"would go from 0001 to {newest()}"),
        ([], f"went from 0001 to {newest()}"),
        ([], f"is {newest()}, the newest"),
    ):
        code, output = invoke("upgrade", "--data", data, *words)
        assert (code, said in " ".join(output.split())) == (0, True), output


def test_an_older_version_does_not_start_on_a_newer_schema(world: World, tmp_path: Path) -> None:
    with sqlite3.connect(world.data / "gateway.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for words in (["start", "--port", "0"], ["upgrade"], ["backup", str(tmp_path / "backup.zip")]):
        code, output = invoke(*words, "--data", str(world.data))
        assert code == 1
        assert "schema 9999" in output and "newer version" in output
    assert not list(tmp_path.glob("*.zip")) and not list(tmp_path.glob(".backup*"))

"""A backup of a real PostgreSQL, by its own programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from gateway_world import World, make_kit
from sqlalchemy import text

from participant_kit.gateway.accounts import create_token
from participant_kit.gateway.app import create_app
from participant_kit.gateway.backup import back_up, restore
from participant_kit.gateway.database import open_engine
from participant_kit.gateway.dump import BackupError
from participant_kit.gateway.settings import Settings

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SECRET = "word-of-the-database"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server of our own, without the database's name; its user has a password."""
    folder = Path(tempfile.mkdtemp())
    (folder / "password").write_text(SECRET)
    become = []
    if os.getuid() == 0:  # the server refuses to be started by root
        shutil.chown(folder, "postgres")
        shutil.chown(folder / "password", "postgres")
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data, programs = folder / "data", PROGRAMS[-1]
    made = ["--username=pkit", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--no-sync"]
    subprocess.run([*become, programs / "initdb", "-D", data, *made], check=True, capture_output=True)
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    control = [*become, programs / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], check=True, capture_output=True)
    yield f"postgresql://pkit:{SECRET}@/{{}}?host={folder}"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)
    shutil.rmtree(folder)


@pytest.fixture
def world(server: str, tmp_path: Path) -> Iterator[World]:
    """A gateway on a database of its own, with one submission that is lent, and one that waits."""
    engine = open_engine(server.format("postgres"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {tmp_path.name}"))
    engine.dispose()
    settings = Settings(tmp_path / "gateway", server.format(tmp_path.name), lease=60)
    with TestClient(create_app(settings)) as client:
        world = World(client, settings.data)
        for name, role in (("ada", "participant"), ("org", "organizer"), ("runner", "runner")):
            world.tokens[name] = create_token(settings.data, name, role, 365, settings.database)  # type: ignore[arg-type]
        world.publish(make_kit(tmp_path / "kit"))
        world.submit()
        world.submit()
        yield world


def test_what_is_brought_back_while_the_gateway_works_is_whole_and_its_leases_have_ended(world: World) -> None:
    settings, file = world.client.app.state.service.settings, world.data / "backup.zip"  # type: ignore[attr-defined]
    lent = world.claim()
    assert lent
    made = back_up(settings, file)
    assert (made.database, made.missing, len(made.members)) == ("postgresql", [], 4)
    assert world.finish(lent).status_code == 204
    world.submit()
    with pytest.raises(BackupError, match="already"):
        restore(settings, file)
    restore(settings, file, force=True)
    listed = world.client.get("/api/v1/submissions", headers=world.auth("ada")).json()
    assert [each["state"] for each in listed] == ["queued", "queued"]
    assert world.finish(lent).status_code == 409
    while claim := world.claim():
        assert world.finish(claim).status_code == 204
    listed = world.client.get("/api/v1/submissions", headers=world.auth("ada")).json()
    assert [each["state"] for each in listed] == ["scored", "scored"]


def test_without_its_programs_or_with_another_kind_of_database_it_says_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings, file = world.client.app.state.service.settings, tmp_path / "backup.zip"  # type: ignore[attr-defined]
    back_up(settings, file)
    with pytest.raises(BackupError, match=r"of postgresql, and this gateway has sqlite"):
        restore(Settings(tmp_path / "other"), file)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match=r"pg_dump is not here.*postgresql-client"):
        back_up(settings, tmp_path / "second.zip")
    assert not list(tmp_path.glob("second*")) and not list(tmp_path.glob(".backup*"))


def test_a_server_that_is_away_is_named_without_its_password(world: World, tmp_path: Path) -> None:
    settings = world.client.app.state.service.settings  # type: ignore[attr-defined]
    back_up(settings, tmp_path / "backup.zip")
    from participant_kit.gateway import dump

    away = Settings(settings.data, settings.database.replace("host=", "host=/nowhere"))
    with pytest.raises(BackupError, match="psql failed") as error:
        dump._run("psql", away, "--command=SELECT 1")
    assert SECRET not in str(error.value)

"""From nothing, and from every older schema with what is in it, to the newest; by one of those who start at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from databases import DATABASES, fresh_database
from fastapi.testclient import TestClient
from gateway_world import API, World, make_envelope
from sqlalchemy import Connection, insert, table, text
from sqlalchemy import column as col
from support import make_card

import participant_kit.gateway
from participant_kit.gateway.accounts import hash_token
from participant_kit.gateway.app import create_app
from participant_kit.gateway.database import Database, open_engine
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.tables import metadata
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import KeyRing
from participant_kit.protocol.messages import Changes, Claim, Lease

MIGRATIONS = Path(participant_kit.gateway.__file__).parent / "migrations"
REVISIONS = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][1:]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bare" in metafunc.fixturenames:
        metafunc.parametrize("bare", DATABASES, indirect=True)


def ask(world: World, who: str = "ada", after: int = 0) -> Changes:
    path = f"{API}/challenges/small/changes"
    answer = world.client.get(path, headers=world.auth(who), params={"after": after})
    assert answer.status_code == 200, answer.text
    return Changes.model_validate_json(answer.content)


def config_for(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def rows(name: str, *values: dict[str, Any]) -> Any:
    columns = [col(key, metadata.tables[name].c[key].type) for key in values[0]]
    return insert(table(name, *columns)).values(list(values))


@pytest.fixture
def bare(request: pytest.FixtureRequest, data: Path) -> Iterator[Settings]:
    """A gateway whose database has nothing in it, not even tables."""
    data.mkdir()
    with fresh_database(request.param, "template1") as url:
        yield Settings(data, url)


@pytest.fixture(params=REVISIONS)
def old(bare: Settings, request: pytest.FixtureRequest) -> Settings:
    """A gateway of before: with the first schema, ada has made four submissions, bob one, cy none."""
    card = make_card()
    made = [new_identifier() for _ in range(5)]
    submissions = [
        {
            "id": identifier,
            "challenge": "small",
            "phase": "development",
            "participant": who,
            "state": state,
            "version": version,
            "rehearsed": False,
            "counted": True,
            "sealed_sha256": f"{number:064}",
            "created_at": 1.0 + number,
            "updated_at": 9.0 - number,
            "attempt": 0,
            "lost": 0,
            "has_log": False,
            "scores": {"roc_auc_score": round(0.7 + number / 10, 1)} if state == "scored" else None,
        }
        for number, (identifier, who, state, version) in enumerate(
            zip(made, ("ada", "bob", "ada", "ada", "ada"), ("scored", "scored", "failed", "cancelled", "queued"),
                (3, 3, 3, 2, 1), strict=True)
        )
    ]  # fmt: skip
    results = []
    for number, bits in ((0, 12.5), (1, 3), (2, 0.25)):
        lease = Lease(token="", attempt=1, expires_at=datetime.now(UTC), seconds=1)
        claim = Claim(
            **{key: submissions[number][key] for key in ("challenge", "phase", "participant")},
            submission=made[number],
            lease=lease,
            sealed=b"",
        )
        results.append({"submission": made[number], "envelope": make_envelope(claim, bits=bits), "created_at": 9.0})
    engine = open_engine(bare.database_url)
    with engine.connect() as connection:
        command.upgrade(config_for(connection), "0001")
        connection.execute(
            rows("accounts", *({"name": who, "role": "participant", "created_at": 0.0} for who in ("ada", "bob", "cy")))
        )
        connection.execute(
            rows("tokens", *({"sha256": hash_token(who), "account": who} for who in ("ada", "bob", "cy")))
        )
        challenge = {"slug": "small", "card": card.model_dump(mode="json"), "keys": KeyRing().model_dump(mode="json")}
        connection.execute(rows("challenges", challenge | {"kit_sha256": "", "kit_bytes": 0, "updated_at": 0.0}))
        connection.execute(rows("submissions", *submissions))
        connection.execute(rows("results", *results))
        connection.commit()
        command.upgrade(config_for(connection), request.param)
    engine.dispose()
    return bare


@pytest.fixture
def migrated(old: Settings) -> Iterator[World]:
    with TestClient(create_app(old), raise_server_exceptions=False) as client:
        yield World(client, old.data, old.database, {who: who for who in ("ada", "bob", "cy")})


def test_a_gateway_of_before_numbers_what_it_has_in_the_order_in_which_it_was_made(migrated: World) -> None:
    mine = ask(migrated)
    assert [status.state.value for status in mine.submissions] == ["scored", "failed", "cancelled", "queued"]
    assert [status.version for status in mine.submissions] == [3, 3, 2, 1]
    assert (mine.revision, ask(migrated, "bob").revision, ask(migrated, "cy").revision) == (4, 1, 0)
    new = migrated.submit().json()["id"]
    changed = ask(migrated, after=mine.revision)
    assert (changed.revision, changed.submissions[0].id) == (5, new)


def test_a_gateway_of_before_counts_the_bits_of_the_receipts_that_it_has(migrated: World) -> None:
    path = f"{API}/challenges/small/quota"
    quotas = [migrated.client.get(path, headers=migrated.auth(who)).json() for who in ("ada", "bob", "cy")]
    assert [quota["revealed_bits"] for quota in quotas] == [12.75, 3, 0]
    assert {quota["challenge_bits"] for quota in quotas} == {15.75}


def test_a_gateway_of_before_has_the_blobs_where_they_were(migrated: World) -> None:
    for identifier, digest, sealed in migrated.query("SELECT id, sealed_sha256, sealed FROM submissions"):
        assert sealed == f"{identifier}.{digest[:16]}"


def test_a_gateway_of_before_knows_who_led_and_when(migrated: World) -> None:
    assert migrated.query("SELECT participant, rank_by, entered_at, leads FROM records ORDER BY rank_by") == [
        ("bob", -0.8, 9.0, True),
        ("ada", -0.7, 9.0, True),
    ]


def test_migrating_twice_changes_nothing(migrated: World) -> None:
    for _ in range(2):
        Database(Settings(migrated.data, migrated.database)).close()
    assert migrated.query("SELECT sum(revision), sum(bits) FROM submissions") == [(1 + 10, 15.75)]


@pytest.mark.parametrize("before", ["", *REVISIONS], ids=lambda name: name or "nothing")
def test_after_migrating_the_database_is_as_the_tables_say(before: str, bare: Settings) -> None:
    engine = open_engine(bare.database_url)
    if before:
        with engine.connect() as connection:
            command.upgrade(config_for(connection), before)
    Database(bare).close()
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


START = """
import sys
from pathlib import Path
from participant_kit.gateway.database import Database
from participant_kit.gateway.settings import Settings
sys.stdin.read()
Database(Settings(Path(sys.argv[1]), sys.argv[2] or None)).close()
"""


@pytest.mark.parametrize("old", REVISIONS[-1:], indirect=True)
def test_of_several_processes_that_start_at_once_one_migrates(old: Settings) -> None:
    command = [sys.executable, "-c", START, str(old.data), old.database or ""]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    time.sleep(1.5)  # all have imported what they need
    for process in started:
        assert process.stdin
        process.stdin.close()
    for process in started:
        assert process.stderr
        said = process.stderr.read().decode()
        assert process.wait(60) == 0, said
    engine = open_engine(old.database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT sum(revision), sum(bits) FROM submissions")).all() == [(1 + 10, 15.75)]
    engine.dispose()

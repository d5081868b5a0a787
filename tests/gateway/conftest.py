"""Gateways to test, on each database: an empty one, one with a challenge, one whose challenge rehearses."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import DATABASES, MEMORY, fresh_database, put_sqlite
from fastapi.testclient import TestClient
from gateway_world import World, make_kit

from participant_kit.gateway.app import create_app
from participant_kit.gateway.settings import Settings
from participant_kit.protocol.keys import Role


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of a fresh database; None is SQLite's file."""
    with fresh_database(request.param) as url:
        yield url


@pytest.fixture
def data() -> Iterator[Path]:
    """The folder of a gateway's files."""
    folder = Path(tempfile.mkdtemp(dir=MEMORY))
    yield folder / "gateway"
    shutil.rmtree(folder)


@pytest.fixture
def empty(data: Path, database: str | None) -> Iterator[World]:
    if database is None:
        put_sqlite(data)
    with TestClient(create_app(Settings(data, database, lease=1.0)), raise_server_exceptions=False) as client:
        yield World(client, data, database)


@pytest.fixture
def world(empty: World, tmp_path: Path) -> World:
    empty.publish(make_kit(tmp_path / "kit"))
    return empty


@pytest.fixture
def rehearsing(empty: World, tmp_path: Path) -> World:
    empty.publish(make_kit(tmp_path / "kit", roles=(Role.BLIND, Role.REHEARSAL)))
    return empty

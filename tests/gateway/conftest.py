"""Gateways to test: an empty one, one with a challenge, one whose challenge rehearses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from gateway_world import World, make_kit

from participant_kit.gateway.app import create_app
from participant_kit.gateway.settings import Settings
from participant_kit.protocol.keys import Role


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[World]:
    with TestClient(create_app(Settings(tmp_path / "gateway", lease=1.0)), raise_server_exceptions=False) as client:
        yield World(client, tmp_path / "gateway")


@pytest.fixture
def world(empty: World, tmp_path: Path) -> World:
    empty.publish(make_kit(tmp_path / "kit"))
    return empty


@pytest.fixture
def rehearsing(empty: World, tmp_path: Path) -> World:
    empty.publish(make_kit(tmp_path / "kit", roles=(Role.BLIND, Role.REHEARSAL)))
    return empty

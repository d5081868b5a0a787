"""Houses: with both roles of the runner, with notebooks that go straight to the real data, and with no runner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House
from support import own_home

from participant_kit.protocol.keys import Role


@pytest.fixture(scope="session", autouse=True)
def participants_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with own_home(tmp_path_factory.mktemp("home")):
        yield


def build(root: Path, *roles: Role, quota: int = 1000, runners: bool = True) -> Iterator[House]:
    house = House(root, roles, quota=quota)
    try:
        house.open(runners=runners)
        yield house
    finally:
        house.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from build(tmp_path_factory.mktemp("house"), Role.REHEARSAL, Role.BLIND)


@pytest.fixture(scope="module")
def blind_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from build(tmp_path_factory.mktemp("blind"), Role.BLIND)


@pytest.fixture
def two_submissions_house(tmp_path: Path) -> Iterator[House]:
    """Takes two submissions of each participant, and runs none."""
    yield from build(tmp_path, Role.BLIND, quota=2, runners=False)

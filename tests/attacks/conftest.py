"""One house for each file of attacks, and a home for the participant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import own_home
from world import World


@pytest.fixture(scope="session", autouse=True)
def participants_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with own_home(tmp_path_factory.mktemp("home")):
        yield


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    house = World(tmp_path_factory.mktemp("attacked"))
    try:
        house.open()
        yield house
    finally:
        house.close()

"""Houses: one with both roles of the runner, and one in which notebooks go straight to the real data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House

from participant_kit.protocol.keys import Role


def build(root: Path, *roles: Role) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PKIT_HOME", str(root / "home"))
        patch.setenv("PKIT_KEYRING", "off")
        for name in ("PKIT_TOKEN", "PKIT_GATEWAY"):
            patch.delenv(name, raising=False)
        house = House(root, roles)
        try:
            house.open()
            yield house
        finally:
            house.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from build(tmp_path_factory.mktemp("house"), Role.REHEARSAL, Role.BLIND)


@pytest.fixture(scope="module")
def blind_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from build(tmp_path_factory.mktemp("blind"), Role.BLIND)

"""One house for each file of attacks, and a home for the participant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from corpus import Attack
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Write down how each attack ended, for the page on them (`make attacks`)."""
    report = yield
    attack = getattr(item, "callspec", None) and item.callspec.params.get("attack")  # type: ignore[attr-defined]
    record = os.environ.get("PKIT_ATTACKS_RECORD")
    if record and isinstance(attack, Attack) and report.when == "call":
        outcome = dict(item.user_properties).get("outcome", "held") if report.passed else "**did not hold**"
        with Path(record).open("a") as file:
            file.write(f"{attack.name},{outcome},{datetime.now(UTC):%Y-%m-%d}\n")
    return report

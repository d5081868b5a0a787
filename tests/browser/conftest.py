"""A real browser, a real Jupyter Server, and the whole house behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House
from lab import CHROMIUM_FLAGS, Desk, Lab, chromium
from playwright.sync_api import Browser, Page, sync_playwright
from support import own_home

from participant_kit.protocol.keys import Role


@pytest.fixture(scope="session", autouse=True)
def participants_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with own_home(tmp_path_factory.mktemp("home")):
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for the session: Playwright keeps an event loop running, and other tests have one of their own."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"), (Role.REHEARSAL, Role.BLIND))
    try:
        house.open()
        yield house
    finally:
        house.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A page of its own for each test; an error in its code fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(error.stack or str(error)))
    yield page
    page.screenshot(path=tmp_path / "end.png")
    context.close()
    # Notebook 7 has one of its own when it starts, with or without this extension.
    # JupyterLab has one when it asks something of a kernel that has ended with its server.
    theirs = [error for error in errors if "/static/notebook/" in error or error.startswith("Error: Kernel is dead")]
    assert not [error for error in errors if error not in theirs or "participant-kit" in error]


@pytest.fixture
def desk(page: Page, lab: Lab) -> Desk:
    return Desk(page, lab)


@pytest.fixture
def joined(house: House, lab: Lab) -> Lab:
    """The lab after somebody has joined, without the way there."""
    if not (lab.kit / "challenge.yaml").exists():
        lab.join(house.address, house.tokens["ada"])
    return lab

"""A real browser, a real Jupyter Server, and the whole house behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from house import House
from lab import CHROMIUM_FLAGS, Desk, Lab, chromium
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright
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


@contextmanager
def new_window(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@contextmanager
def without_errors(page: Page, folder: Path) -> Iterator[None]:
    """An error in the page's code fails the test."""
    errors: list[str] = []

    def note(error: Error) -> None:
        errors.append(error.stack or str(error))

    page.on("pageerror", note)
    yield
    page.screenshot(path=folder / "end.png")
    page.remove_listener("pageerror", note)
    # Notebook 7 has one of its own when it starts, with or without this extension.
    # JupyterLab has one when it asks something of a kernel that has ended with its server, and some when a notebook is
    # closed before its kernel is there or has answered.
    jupyterlabs = ("Error: Kernel is dead", "Error: Disposed\n", "Error: Canceled future for ")
    theirs = [error for error in errors if "/static/notebook/" in error or error.startswith(jupyterlabs)]
    assert not [error for error in errors if error not in theirs or "participant-kit" in error]


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A window for all tests of a file, because to open one takes seconds; its first page keeps it open."""
    with new_window(browser) as window:
        window.new_page()
        yield window


@pytest.fixture
def page(window: BrowserContext, tmp_path: Path) -> Iterator[Page]:
    """A page of its own for each test, where nobody is logged in."""
    page = window.new_page()
    with without_errors(page, tmp_path):
        yield page
    page.close()
    window.clear_cookies()


@pytest.fixture(scope="module")
def lab_page(browser: Browser) -> Iterator[Page]:
    """The page with JupyterLab, which is loaded once for all tests of a file."""
    with new_window(browser) as window:
        yield window.new_page()


@pytest.fixture
def desk(lab_page: Page, lab: Lab, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """What one test does there; after one that failed, the next one loads it anew."""
    failed = request.session.testsfailed
    desk = Desk(lab_page, lab, stays=True)
    with without_errors(lab_page, tmp_path):
        yield desk
    if request.session.testsfailed != failed:
        desk.leave()


@pytest.fixture
def joined(house: House, lab: Lab) -> Lab:
    """The lab after somebody has joined, without the way there."""
    if not (lab.kit / "challenge.yaml").exists():
        lab.join(house.address, house.tokens["ada"])
    return lab

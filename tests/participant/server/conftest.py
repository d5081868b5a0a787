"""One gateway for all of these tests; for each of them a person of its own, with a Jupyter Server."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from house import SLUG, House
from platformdirs import user_cache_path
from pytest_jupyter.jupyter_server import *  # noqa: F403
from server_world import PREFIX, Page, Person, Requests, Runners
from sqlalchemy import update
from support import own_home
from traitlets.config import Config

from participant_kit.gateway.tables import submissions
from participant_kit.participant import Client
from participant_kit.participant.login import login
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import FINAL

CACHE = user_cache_path()
"""Where environments are kept between runs of the tests; Jupyter's fixtures move the home folder."""


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway process with a published challenge that rehearses, and no runner."""
    with own_home(tmp_path_factory.mktemp("home")):
        house = House(tmp_path_factory.mktemp("house"), (Role.REHEARSAL, Role.BLIND))
        house.open(runners=False)
    yield house
    house.close()


@pytest.fixture
def runners(house: House) -> Runners:
    return Runners(house)


@pytest.fixture
def ada(
    house: House, own_home: Path, jp_root_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Person]:
    """Somebody new who has logged in and joined; what they leave behind is cancelled afterwards.

    Whatever happens, their token is in no line of a log.
    """
    caplog.set_level(logging.DEBUG)
    monkeypatch.chdir(jp_root_dir)
    name = f"ada-{new_identifier()[-12:]}"
    token = house.token(name, "participant")
    login(house.address, token)
    kit = Client(house.address).join(SLUG, jp_root_dir / SLUG, kernel=False)
    person = Person(house, name, token, kit)
    yield person
    records = [record for phase in ("setup", "call") for record in caplog.get_records(phase)]
    assert not any(token in caplog.handler.format(record) for record in records)
    assert token not in house.log_of("gateway")
    open_ones = (submissions.c.participant == name) & submissions.c.state.not_in([state.value for state in FINAL])
    person.query(update(submissions).where(open_ones).values(state="cancelled", lease_expires=None))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that give up on a gateway at once."""
    monkeypatch.setitem(Connection.__init__.__kwdefaults__, "backoff", 0.0)


@pytest.fixture
def jp_server_config() -> Config:
    settings = {"wait": 1.0, "pause": 0.2, "linger": 0.0}
    return Config({"ServerApp": {"jpserver_extensions": {"participant_kit": True}}, "ParticipantKit": settings})


@pytest.fixture
def ask(ada: Person, jp_fetch: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Requests:
    monkeypatch.setenv("XDG_CACHE_HOME", str(CACHE))
    return Requests(jp_fetch, [ada.token])


@pytest.fixture
def open_page(ada: Person, jp_ws_fetch: Callable[..., Any]) -> Callable[..., Awaitable[Page]]:
    """Opens a page that watches ada's challenge, unless other keys are given."""

    async def open_page(*keys: tuple[str, str]) -> Page:
        page = Page(await jp_ws_fetch(PREFIX, "events"), [ada.token])
        await page.watch(*(keys or (ada.key,)))
        return page

    return open_page

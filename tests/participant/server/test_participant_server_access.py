"""Who may use the server extension: whoever Jupyter lets in, from Jupyter's own pages, and nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from server_world import PREFIX, Page, Person, Requests, tree, watches
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect
from traitlets.config import Config

from participant_kit.participant.server.routes import ROUTES
from participant_kit.protocol.identifiers import new_identifier

ID = new_identifier()


def everything(ada: Person) -> list[tuple[str, str, dict[str, Any] | None]]:
    """A request to each route with each of its methods, which would do something if it were let in."""
    path = {"path": ada.write(name="one.ipynb")}
    query = f"?gateway={ada.house.address}&challenge=small"
    return [
        ("GET", "kits", None),
        ("POST", "notebook", path),
        ("POST", "preview", path),
        ("POST", "submissions", path),
        ("GET", f"submissions/{ID}{query}", None),
        ("GET", f"submissions/{ID}/log{query}", None),
        ("GET", f"submissions/{ID}/receipt{query}", None),
        ("POST", f"submissions/{ID}", {}),
        ("POST", f"submissions/{ID}/open", {}),
        ("POST", f"submissions/{ID}/cancel{query}", {}),
        ("POST", f"submissions/{ID}/again{query}", {}),
        ("GET", f"leaderboard{query}", None),
        ("GET", f"login{query}", None),
        ("POST", "login", {"gateway": ada.house.address, "token": ada.token}),
        ("GET", f"challenges{query}", None),
        ("POST", "joins", {"gateway": ada.house.address, "challenge": "small", "folder": "other"}),
        ("POST", "rehearsals", path),
        ("GET", f"jobs/{ID}", None),
        ("DELETE", f"jobs/{ID}", None),
        ("GET", "events", None),
    ]


CHANGING = ("POST", "DELETE")


@pytest.fixture
def fetch(jp_serverapp: Any, http_server_client: Any, jp_base_url: str) -> Callable[..., Any]:
    """Sends a request with these headers and no others."""

    async def fetch(method: str, path: str, body: Any = None, **headers: str) -> HTTPResponse:
        content = json.dumps(body) if method == "POST" else None
        url = f"{jp_base_url}{PREFIX}/{path}"
        return await http_server_client.fetch(url, method=method, body=content, headers=headers, raise_error=False)

    return fetch


@pytest.fixture
def nothing_is_done(ada: Person, own_home: Path, jp_serverapp: Any) -> Iterator[None]:
    """Neither here nor at the gateway."""
    everything(ada)
    before = tree(own_home), tree(ada.kit.root.parent)
    yield
    (app,) = jp_serverapp.extension_manager.extension_apps["participant_kit"]
    assert (app.broker.jobs.all(), ada.stored(), watches()) == ([], [], [])
    assert (tree(own_home), tree(ada.kit.root.parent)) == before


def test_the_requests_of_these_tests_are_all_that_there_are(ada: Person) -> None:
    sent = {(method, path.partition("?")[0]) for method, path, _ in everything(ada)}
    for pattern, handler in ROUTES:
        for method in ("GET", "POST", "DELETE", "PUT", "PATCH"):
            own = getattr(handler, method.lower()).__qualname__.startswith(handler.__name__)
            known = any(each == method and re.fullmatch(pattern, path) for each, path in sent)
            assert own == known, f"{method} {pattern}"


@pytest.mark.parametrize("login", [{}, {"Authorization": "token wrong"}], ids=["none", "a wrong one"])
async def test_without_a_login_every_route_is_closed(
    ada: Person, fetch: Callable[..., Any], nothing_is_done: None, login: dict[str, str]
) -> None:
    for method, path, body in everything(ada):
        answer = await fetch(method, path, body, **login)
        assert answer.code == 403, f"{method} {path}"
        assert ada.name.encode() not in answer.body


async def test_with_the_login_no_route_is(ada: Person, fetch: Callable[..., Any], jp_auth_header: Any) -> None:
    for method, path, body in everything(ada):
        answer = await fetch(method, path, body, **jp_auth_header)
        assert answer.code not in (403, 405, 500), f"{method} {path}"


async def log_in(http_server_client: Any, jp_serverapp: Any, jp_base_url: str) -> dict[str, str]:
    """The cookies of a browser in which somebody has logged in."""
    url = f"{jp_base_url}tree?token={jp_serverapp.identity_provider.token}"
    answer = await http_server_client.fetch(url, follow_redirects=False, raise_error=False)
    found = SimpleCookie()
    for line in answer.headers.get_list("Set-Cookie"):
        found.load(line)
    login = await http_server_client.fetch(f"{jp_base_url}login", follow_redirects=False, raise_error=False)
    for line in login.headers.get_list("Set-Cookie"):
        if line.startswith("_xsrf"):
            found.load(line)
    return {name: morsel.value for name, morsel in found.items() if morsel.value}


async def test_with_a_cookie_what_changes_something_needs_the_xsrf_token_too(
    ada: Person,
    fetch: Callable[..., Any],
    http_server_client: Any,
    jp_serverapp: Any,
    jp_base_url: str,
    nothing_is_done: None,
) -> None:
    cookies = await log_in(http_server_client, jp_serverapp, jp_base_url)
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    for method, path, body in everything(ada):
        if method in CHANGING:
            answer = await fetch(method, path, body, Cookie=sent)
            assert (answer.code, b"XSRF" in answer.body or b"_xsrf" in answer.body) == (403, True), f"{method} {path}"
            answer = await fetch(method, path, body, **{"Cookie": sent, "X-XSRFToken": "wrong"})
            assert answer.code == 403, f"{method} {path}"
    answer = await fetch("GET", "kits", Cookie=sent, Referer=f"http://{http_server_client.get_url('/')[7:]}")
    assert answer.code == 200, "the cookie is a login"
    answer = await fetch("POST", "notebook", {"path": "x"}, **{"Cookie": sent, "X-XSRFToken": cookies["_xsrf"]})
    assert (answer.code, answer.body) == (200, b"null")


asked: list[tuple[str, str]] = []


class Nobody(Authorizer):
    """Lets nobody do anything here."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        asked.append((action, resource))
        return False


class Readers(Authorizer):
    """Lets everybody read."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return action == "read"


def refused_by(authorizer: type[Authorizer]) -> Config:
    return Config({"ServerApp": {"jpserver_extensions": {"participant_kit": True}, "authorizer_class": authorizer}})


@pytest.mark.parametrize("jp_server_config", [refused_by(Nobody)])
async def test_an_authorizer_that_refuses_is_obeyed(
    ada: Person, fetch: Callable[..., Any], jp_auth_header: Any, nothing_is_done: None
) -> None:
    asked.clear()
    for method, path, body in everything(ada):
        answer = await fetch(method, path, body, **jp_auth_header)
        assert answer.code == 403, f"{method} {path}"
    assert set(asked) == {("read", "participant_kit"), ("write", "participant_kit")}
    assert len(asked) == len(everything(ada))


@pytest.mark.parametrize("jp_server_config", [refused_by(Readers)])
async def test_who_may_only_read_changes_nothing(
    ada: Person, fetch: Callable[..., Any], jp_auth_header: Any, nothing_is_done: None
) -> None:
    for method, path, body in everything(ada):
        answer = await fetch(method, path, body, **jp_auth_header)
        assert (answer.code == 403) == (method in CHANGING), f"{method} {path}"


async def test_the_line_opens_from_jupyter_s_own_pages_alone(
    ada: Person, http_server_client: Any, jp_serverapp: Any, jp_base_url: str
) -> None:
    cookies = await log_in(http_server_client, jp_serverapp, jp_base_url)
    host = http_server_client.get_url("").removeprefix("http://")

    async def connect(**headers: str) -> WebSocketClientConnection:
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} | headers
        return await websocket_connect(HTTPRequest(f"ws://{host}{jp_base_url}{PREFIX}/events", headers=sent))

    for site in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        with pytest.raises(HTTPClientError) as refused:
            await connect(Origin="http://elsewhere.example", **site)
        assert refused.value.code == 403
    page = Page(await connect(Origin=f"http://{host}"), [ada.token])
    await page.watch(ada.key)
    await page.greeted()


@pytest.mark.parametrize("header", ["", "token wrong"])
async def test_without_a_login_no_line_opens(ada: Person, jp_ws_fetch: Callable[..., Any], header: str) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await jp_ws_fetch(PREFIX, "events", headers={"Authorization": header})
    assert refused.value.code == 403


async def test_everything_is_below_the_base_url_of_jupyter(
    ask: Requests, http_server_client: Any, jp_auth_header: Any, jp_base_url: str
) -> None:
    assert jp_base_url != "/"
    assert len(await ask.get("kits")) == 1
    answer = await http_server_client.fetch(f"/{PREFIX}/kits", headers=jp_auth_header, raise_error=False)
    assert answer.code == 404

"""People log in at a real OpenID provider, a process of its own that is reached over loopback."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from browser_world import Browser
from fastapi.testclient import TestClient
from gateway_world import World, make_kit

from participant_kit.gateway.app import create_app
from participant_kit.gateway.errors import SettingsError
from participant_kit.gateway.settings import Settings

ADA = '{"sub": "u-1", "preferred_username": "ada", "email": "ada@example.org"}'
ODD = '{"sub": "u-2", "preferred_username": "<b>ada</b> & co"}'


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ("-m", "oidc_provider_mock", "-p", str(port), "--user-claims", ADA, "--user-claims", ODD)
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            requests.get(f"{address}/.well-known/openid-configuration", timeout=5).raise_for_status()
            break
        except requests.RequestException:
            time.sleep(0.1)
    yield address
    process.kill()
    process.wait()


def provider_file(folder: Path, address: str, **changed: str) -> Path:
    file = folder / "provider.json"
    known = {"issuer": address, "client_id": "pkit", "client_secret": "secret", "title": "the university"}
    file.write_text(json.dumps(known | {"admits": "anyone"} | changed))
    return file


@pytest.fixture
def world(data: Path, database: str | None, issuer: str, tmp_path: Path) -> Iterator[World]:
    settings = Settings(data, database, openid=provider_file(tmp_path, issuer))
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        world = World(client, data, database)
        world.publish(make_kit(tmp_path / "kit"))
        yield world


def begin(browser: Browser, path: str = "/account") -> str:
    """To the provider; the address there."""
    answer = browser.client.get("/login/openid", params={"next": path}, follow_redirects=False)
    assert answer.status_code == 303
    return answer.headers["location"]


def authorize(there: str, subject: str) -> str:
    """What the person does at the provider; the path that they are sent back to."""
    answer = requests.post(there, data={"sub": subject}, allow_redirects=False, timeout=10)
    return answer.headers["location"].removeprefix("http://testserver")


def test_somebody_logs_in_at_their_institution(world: World) -> None:
    browser = Browser(world)
    assert "Log in with the university" in browser.go("/login")
    there = begin(browser)
    assert "code_challenge_method=S256" in there and "nonce=" in there and "state=" in there
    browser.go(authorize(there, "u-1"))
    assert browser.path == "/account" and "ada" in browser.text
    again = Browser(world)
    again.go(authorize(begin(again), "u-1"))
    assert "ada" in again.text and world.query("SELECT count(*) FROM identities") == [(1,)]
    browser.send("/account/tokens", 201)
    world.tokens["ada"] = "pkit_" + re.findall(r"pkit_([\w-]{20,})", browser.answer.text)[0]
    assert world.submit("ada").json()["participant"] == "ada"


@pytest.mark.attack("confusable names")
def test_a_name_that_is_taken_or_odd_is_made_another(world: World) -> None:
    world.auth("ada")
    browser, odd = Browser(world), Browser(world)
    browser.go(authorize(begin(browser), "u-1"))
    odd.go(authorize(begin(odd), "u-2"))
    names = world.query("SELECT account FROM identities ORDER BY subject")
    assert names == [("ada-2",), ("b-ada--b----co",)]


def test_who_is_logged_in_keeps_their_account(world: World) -> None:
    browser = Browser(world).log_in("newton")
    browser.go(authorize(begin(browser), "u-1"))
    assert world.query("SELECT account FROM identities") == [("newton",)]
    elsewhere = Browser(world)
    elsewhere.go(authorize(begin(elsewhere), "u-1"))
    assert "newton" in elsewhere.text


@pytest.mark.attack("login elsewhere")
def test_a_login_that_another_browser_began_is_refused(world: World) -> None:
    """Else somebody would be logged in as another, and submit for them."""
    attacker, victim = Browser(world), Browser(world)
    back = authorize(begin(attacker), "u-1")
    victim.go(back, 403)
    begin(victim)
    victim.go(back, 403)
    assert world.query("SELECT count(*) FROM sessions") == [(0,)]
    attacker.go(back)
    attacker.client.cookies.clear()
    attacker.go(back, 403)  # a code is used once, and the secret is gone


@pytest.mark.attack("login elsewhere")
def test_what_the_provider_did_not_grant_is_not_let_in(world: World) -> None:
    browser = Browser(world)
    there = begin(browser)
    state = re.findall(r"state=([^&]+)", there)[0]
    browser.go(f"/login/openid/back?state={state}&error=access_denied", 403)
    browser.go(f"/login/openid/back?state={state}&code=made-up", 502)
    assert "did not say who you are" in browser.text
    assert world.query("SELECT count(*) FROM identities") == [(0,)]


@pytest.mark.attack("login elsewhere")
def test_a_code_of_another_login_of_the_same_person_is_refused(world: World) -> None:
    """Its nonce is another."""
    browser, other = Browser(world), Browser(world)
    code = re.findall(r"code=([^&]+)", authorize(begin(other), "u-1"))[0]
    state = re.findall(r"state=([^&]+)", begin(browser))[0]
    browser.go(f"/login/openid/back?state={state}&code={code}", 502)


def test_who_comes_for_the_first_time_waits_for_approval(data: Path, issuer: str, tmp_path: Path) -> None:
    settings = Settings(data, openid=provider_file(tmp_path, issuer, admits="approval"))
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        world = World(client, data)
        browser = Browser(world)
        browser.go(authorize(begin(browser), "u-1"), 403)
        assert "waits for an organizer's approval" in browser.text
        organizer = Browser(world).log_in("org", "organizer", "/desk/people")
        organizer.send("/desk/people/state", button="approve")
        browser.go(authorize(begin(browser), "u-1"))
        assert browser.path == "/account"


@pytest.mark.attack("open redirect")
def test_logging_in_there_leads_to_no_other_site(world: World) -> None:
    browser = Browser(world)
    back = authorize(begin(browser, "https://evil.example"), "u-1")
    answer = browser.client.get(back, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_file_that_describes_no_provider_is_refused_without_its_secret(data: Path, tmp_path: Path) -> None:
    for changed in ({"issuer": "http://example.org"}, {"admits": "everyone"}, {"secret": "s3cret"}):
        file = provider_file(tmp_path, "https://example.org", **{"client_secret": "s3cret", **changed})
        with pytest.raises(SettingsError) as found:
            create_app(Settings(data, openid=file))
        assert "s3cret" not in str(found.value)


def test_without_a_provider_there_is_no_such_page(tmp_path: Path, data: Path) -> None:
    with TestClient(create_app(Settings(data)), raise_server_exceptions=False) as client:
        Browser(World(client, data)).go("/login/openid", 404)

"""A real JupyterHub with dummy authenticator and simple spawner: the gateway is its service, nobody needs a token."""

from __future__ import annotations

import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from databases import query
from gateway_world import API, make_kit

from participant_kit.gateway.accounts import create_token
from participant_kit.gateway.settings import Settings

pytestmark = pytest.mark.hub
HUB = Path(sys.prefix) / "hub"
ADMIN = "a" * 32
CONFIG = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.JupyterHub.public_url = "http://127.0.0.1:{port}/"
c.JupyterHub.oauth_require_pkce = True
c.JupyterHub.db_url = "sqlite:///{root}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{root}/cookie"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.pid_file = "{root}/proxy.pid"
c.Spawner.cmd = ["{python}", "{program}", "{root}"]
c.Spawner.default_url = "/"
c.Spawner.environment = {{
    "PKIT_GATEWAY": "{gateway}", "PKIT_JUPYTERHUB": "participant-kit", "PKIT_KEYRING": "off"
}}
c.JupyterHub.services = [
    {{
        "name": "participant-kit",
        "oauth_redirect_uri": "{gateway}/login/hub/back",
        "command": ["{python}", "-m", "participant_kit.cli.main", "gateway", "start", "--jupyterhub",
                    "--data", "{root}/gateway", "--port", "{gateway_port}"],
    }},
    {{"name": "test", "api_token": "{admin}", "admin": True}},
    {{"name": "other", "api_token": "{admin}b"}},
]
may = ["access:services!service=participant-kit"]
c.JupyterHub.load_roles = [
    {{"name": "user", "scopes": ["self", "access:services!service=other", *may]}},
    {{"name": "server", "scopes": ["users:activity!user", "access:servers!server", "tokens!user", *may]}},
]
"""


@dataclass
class Site:
    """The Hub and its gateway."""

    root: Path
    api: str
    gateway: str

    def ask(self, method: str, path: str, token: str = ADMIN, **content: Any) -> requests.Response:
        headers = {"Authorization": f"token {token}"}
        return requests.request(method, f"{self.api}{path}", headers=headers, timeout=60, **content)

    def exchange(self, token: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.post(f"{self.gateway}{API}/hub", headers=headers, timeout=60)

    def start_server(self, user: str) -> dict[str, Any]:
        assert self.ask("POST", f"/users/{user}").status_code in (201, 409)  # who has logged in is there already
        assert self.ask("POST", f"/users/{user}/server").status_code in (201, 202)
        file = self.root / user / "said.json"
        wait_for(file.exists)
        said: dict[str, Any] = json.loads(file.read_text())
        return said


class Person:
    """Somebody with a browser that has never been here, and no token."""

    def __init__(self, site: Site) -> None:
        self.site, self.browser = site, requests.Session()

    def go(self, path: str, **params: str) -> requests.Response:
        return self.browser.get(f"{self.site.gateway}{path}", params=params, timeout=60)

    def begin(self, path: str = "/account") -> str:
        """To the Hub; the address there."""
        answer = self.browser.get(
            f"{self.site.gateway}/login/hub", params={"next": path}, allow_redirects=False, timeout=60
        )
        assert answer.status_code == 303
        return answer.headers["location"]

    def authorize(self, there: str, name: str) -> str:
        """Log in at the Hub as ``name``, and let the gateway know; the address that the Hub sends them back to."""
        page = self.browser.get(there, timeout=60)
        for _ in range(3):  # the login page, the page that asks whether the gateway may know, and back
            fields = dict(re.findall(r'name="(_xsrf|scopes)"\s+value="([^"]*)"', page.text))
            fields = {field: html.unescape(value) for field, value in fields.items()}
            login = {"username": name, "password": "any"} if 'name="username"' in page.text else {}
            target = page.url
            if login:
                action = re.findall(r'<form\s+action="([^"]+)"', page.text)[0]
                target = requests.compat.urljoin(page.url, html.unescape(action))
            page = self.browser.post(target, data=fields | login, allow_redirects=False, timeout=60)
            while page.is_redirect:
                target = requests.compat.urljoin(page.url, page.headers["location"])
                if target.startswith(self.site.gateway):
                    return target
                page = self.browser.get(target, allow_redirects=False, timeout=60)
        raise AssertionError(page.text)

    def log_in(self, name: str, path: str = "/account") -> requests.Response:
        return self.browser.get(self.authorize(self.begin(path), name), timeout=60)


def wait_for(true: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("hub")
    port, hub_port, proxy_port, gateway_port = free_ports(4)
    gateway = f"http://127.0.0.1:{gateway_port}"
    (root / "config.py").write_text(
        CONFIG.format(
            root=root,
            port=port,
            hub_port=hub_port,
            proxy_port=proxy_port,
            gateway_port=gateway_port,
            gateway=gateway,
            python=sys.executable,
            program=Path(__file__).parent / "participant_server.py",
            proxy=HUB / "node_modules" / ".bin" / "configurable-http-proxy",
            admin=ADMIN,
        )
    )
    with (root / "log").open("w") as log:
        process = subprocess.Popen(
            [HUB / "bin" / "jupyterhub", "-f", root / "config.py"], cwd=root, stdout=log, stderr=log, env=os.environ
        )
    site = Site(root, f"http://127.0.0.1:{port}/hub/api", gateway)
    try:
        wait_for(lambda: answers(f"{site.api}/") and answers(f"{gateway}/healthz"))
        organizer = create_token(root / "gateway", "org", "organizer")
        kit = make_kit(root / "kit")
        headers = {"Authorization": f"Bearer {organizer}"}
        requests.put(f"{gateway}{API}/challenges/small", data=kit, headers=headers, timeout=30).raise_for_status()
        yield site
    finally:
        print((root / "log").read_text()[-3000:])
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def test_a_participant_on_the_hub_takes_part_without_a_token(site: Site) -> None:
    said = site.start_server("ada")
    assert "error" not in said, said["error"]
    assert said["me"] == {"name": "ada", "role": "participant"} and said["sent"] == "ada" and said["again"] == "ada"


@pytest.mark.attack("login elsewhere")
def test_the_gateway_is_shown_only_what_is_good_for_it(site: Site) -> None:
    """It is not trusted: with the token of a participant's server it could open that."""
    broad = site.start_server("bob")["hub_token"]
    refused = site.exchange(broad)
    assert (refused.status_code, refused.json()["code"]) == (422, "token_broad")
    for scopes, code in ((["access:services!service=other"], "token_unknown"), (["self"], "token_unknown")):
        made = site.ask("POST", "/users/bob/tokens", json={"scopes": scopes, "expires_in": 60})
        assert made.status_code == 201, made.text
        refused = site.exchange(made.json()["token"])
        assert refused.status_code in (401, 422) and refused.json()["code"] in (code, "token_broad")
    for token in ("made-up", ADMIN):
        assert site.exchange(token).status_code in (401, 422)
    assert requests.post(f"{site.gateway}{API}/hub", timeout=30).status_code == 401


def test_a_participant_logs_in_at_the_hub_without_a_token(site: Site) -> None:
    person = Person(site)
    assert "Log in with JupyterHub" in person.go("/account").text  # who is not known is sent to log in
    there = person.begin()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
    assert (
        asked["code_challenge_method"] == "S256" and asked["state"] and asked["client_id"] == "service-participant-kit"
    )
    assert asked["redirect_uri"] == f"{site.gateway}/login/hub/back" and ADMIN not in there
    page = person.browser.get(person.authorize(there, "cleo"), timeout=60)
    assert urlsplit(page.url).path == "/account" and "cleo" in page.text
    site.start_server("cleo")  # JupyterLab there: the same person, not a second one
    accounts = query(Settings(site.root / "gateway"), "SELECT name FROM accounts WHERE name LIKE 'cleo%'")
    assert accounts == [("cleo",)]


@pytest.mark.attack("login elsewhere")
def test_a_login_that_another_browser_began_at_the_hub_is_refused(site: Site) -> None:
    """Else somebody would be logged in as another, and submit for them."""
    attacker, victim = Person(site), Person(site)
    back = attacker.authorize(attacker.begin(), "eve")
    assert victim.browser.get(back, timeout=60).status_code == 403
    victim.begin()
    assert victim.browser.get(back, timeout=60).status_code == 403
    assert urlsplit(victim.go("/account").url).path == "/login"
    state = parse_qs(urlsplit(victim.begin()).query)["state"][0]
    code = parse_qs(urlsplit(back).query)["code"][0]
    stolen = victim.go("/login/hub/back", state=state, code=code)  # the verifier is the attacker's browser's
    assert stolen.status_code == 502 and "did not say who you are" in stolen.text
    assert victim.go("/login/hub/back", state=state, code="made-up").status_code == 502


@pytest.mark.attack("session")
def test_logging_in_at_the_hub_begins_a_session_of_its_own(site: Site) -> None:
    """Session fixation: what somebody has put there before opens nothing afterwards."""
    person = Person(site)
    person.browser.cookies.set("pkit", "chosen-by-somebody-else", domain="127.0.0.1", path="/")
    person.log_in("dora")
    mine = {cookie.value for cookie in person.browser.cookies if cookie.name == "pkit"}
    assert mine and "chosen-by-somebody-else" not in mine
    assert "pkit-hub" not in person.browser.cookies  # it was for this login alone
    other = requests.get(f"{site.gateway}/account", cookies={"pkit": "chosen-by-somebody-else"}, timeout=60)
    assert urlsplit(other.url).path == "/login"


@pytest.mark.attack("open redirect")
@pytest.mark.parametrize("path", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_logging_in_at_the_hub_leads_to_no_other_site(site: Site, path: str) -> None:
    person = Person(site)
    back = person.authorize(person.begin(path), "fay")
    answer = person.browser.get(back, allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.attack("host header")
def test_the_hub_sends_nobody_back_to_another_host(site: Site) -> None:
    """A gateway without an address of its own takes the one that is asked for; the Hub knows which one is right."""
    person = Person(site)
    answer = person.browser.get(
        f"{site.gateway}/login/hub", headers={"Host": "evil.example"}, allow_redirects=False, timeout=60
    )
    there = answer.headers["location"]
    assert "evil.example" in there
    page = person.browser.get(there, timeout=60)
    fields = dict(re.findall(r'name="(_xsrf)"\s+value="([^"]*)"', page.text))
    login = requests.compat.urljoin(page.url, html.unescape(re.findall(r'<form\s+action="([^"]+)"', page.text)[0]))
    page = person.browser.post(login, data=fields | {"username": "gil", "password": "any"}, timeout=60)
    assert page.status_code == 400 and "evil.example" not in urlsplit(page.url).netloc

"""A real JupyterHub with dummy authenticator and simple spawner: the gateway is its service, nobody needs a token."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from gateway_world import API, make_kit

from participant_kit.gateway.accounts import create_token

pytestmark = pytest.mark.hub
HUB = Path(sys.prefix) / "hub"
ADMIN = "a" * 32
CONFIG = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
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
        assert self.ask("POST", f"/users/{user}").status_code == 201
        assert self.ask("POST", f"/users/{user}/server").status_code in (201, 202)
        file = self.root / user / "said.json"
        wait_for(file.exists)
        said: dict[str, Any] = json.loads(file.read_text())
        return said


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

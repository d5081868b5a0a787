"""What a JupyterHub tells its service, and what the gateway makes of it; a real Hub is in tests/hub."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_world import Browser
from fastapi.testclient import TestClient
from gateway_world import World

from participant_kit.gateway.app import create_app
from participant_kit.gateway.errors import SettingsError
from participant_kit.gateway.hub import hub_of
from participant_kit.gateway.settings import Settings

TOLD = {
    "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api",
    "JUPYTERHUB_SERVICE_NAME": "participant-kit",
    "JUPYTERHUB_API_TOKEN": "s3cret",
    "JUPYTERHUB_CLIENT_ID": "service-participant-kit",
    "JUPYTERHUB_PUBLIC_HUB_URL": "https://hub.example.org/hub/",
}


@pytest.mark.parametrize("missing", ["JUPYTERHUB_API_URL", "JUPYTERHUB_SERVICE_NAME", "JUPYTERHUB_API_TOKEN"])
def test_what_the_hub_did_not_set_is_named(missing: str) -> None:
    with pytest.raises(SettingsError, match=missing):
        hub_of({name: value for name, value in TOLD.items() if name != missing})


def test_a_hub_that_browsers_reach_without_tls_is_refused() -> None:
    with pytest.raises(SettingsError, match="https://"):
        hub_of(TOLD | {"JUPYTERHUB_PUBLIC_HUB_URL": "http://hub.example.org/hub/"})
    with pytest.raises(SettingsError, match="CLIENT_ID"):
        hub_of({name: value for name, value in TOLD.items() if name != "JUPYTERHUB_CLIENT_ID"})
    assert "s3cret" not in repr(hub_of(TOLD))


def test_logging_in_at_the_hub_is_offered_where_browsers_find_it(data: Path) -> None:
    with TestClient(create_app(Settings(data, hub=hub_of(TOLD))), raise_server_exceptions=False) as client:
        browser = Browser(World(client, data))
        assert "Log in with JupyterHub" in browser.go("/login")
        there = browser.client.get("/login/hub", follow_redirects=False)
        assert there.headers["location"].startswith("https://hub.example.org/hub/api/oauth2/authorize?")
        assert "s3cret" not in there.headers["location"] + there.headers["set-cookie"]
        browser.go("/login/openid", 404)
        browser.go("/login/hub/back?code=x&state=y", 403)


def test_a_hub_without_a_public_address_gives_tokens_alone(data: Path) -> None:
    hub = hub_of(TOLD | {"JUPYTERHUB_PUBLIC_HUB_URL": ""})
    with TestClient(create_app(Settings(data, hub=hub)), raise_server_exceptions=False) as client:
        browser = Browser(World(client, data))
        assert "JupyterHub" not in browser.go("/login")
        browser.go("/login/hub", 404)

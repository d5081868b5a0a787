"""JupyterHub as identity: the gateway is a service of the Hub, and asks it whose a token is.

A participant's server makes a token that is good for this service alone and for a minute, and shows that: the gateway,
which nobody has to trust, never sees the one that opens their server. In a browser people log in at the Hub, and the
gateway gets such a token for the code that they come back with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from participant_kit.gateway.errors import GatewayError, SettingsError
from participant_kit.gateway.identities import Identity
from participant_kit.gateway.openid import derive, refused, require_library
from participant_kit.protocol.address import is_loopback

PATIENCE = 15.0


@dataclass(frozen=True)
class Hub:
    """The Hub at ``api``, which knows the gateway as ``service``. ``token`` is the gateway's own.

    Browsers find the Hub at ``public``; if that is empty, nobody logs in there.
    """

    api: str
    service: str
    token: str = field(repr=False)
    client: str = ""
    public: str = ""
    title: str = "JupyterHub"

    def begin(self, secret: str, back: str) -> str:
        """Where the browser goes; it comes ``back``."""
        url, _ = self._session(back).create_authorization_url(
            f"{self.public}/api/oauth2/authorize",
            state=derive(secret, "state"),
            code_verifier=derive(secret, "verifier"),
        )
        return str(url)

    def finish(self, secret: str, back: str, code: str) -> Identity:
        """Who has come back. Raises :class:`GatewayError`."""
        from authlib.common.errors import AuthlibBaseError

        try:
            token = self._session(back).fetch_token(
                f"{self.api}/oauth2/token", code=code, code_verifier=derive(secret, "verifier"), timeout=PATIENCE
            )
            given = str(token["access_token"])
        except (AuthlibBaseError, requests.RequestException, KeyError, ValueError) as error:
            raise refused(type(error).__name__) from None
        return self.identify(given)

    def _session(self, back: str) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        return OAuth2Session(
            self.client,
            self.token,
            redirect_uri=back,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - it is how, not what
        )

    def identify(self, token: str) -> Identity:
        """Whose ``token`` it is. Raises :class:`GatewayError`."""
        try:
            answer = requests.get(
                f"{self.api}/user", headers={"Authorization": f"token {token}"}, timeout=PATIENCE, allow_redirects=False
            )
            found = answer.json() if answer.status_code == 200 else {}
        except (requests.RequestException, ValueError):
            hint = "Try again in a moment."
            raise GatewayError(503, "hub", "The JupyterHub does not answer.", hint=hint) from None
        scopes = set(found.get("scopes") or ())
        if found.get("kind") != "user" or not scopes & {f"access:services!service={self.service}", "access:services"}:
            hint = f"It is to be one for the service {self.service} of this JupyterHub."
            raise GatewayError(401, "token_unknown", "The JupyterHub does not know this token.", hint=hint)
        if any(scope.startswith(("access:servers", "admin", "tokens")) for scope in scopes):
            hint = "Make one for this service alone: a gateway is not to be trusted with more."
            raise GatewayError(422, "token_broad", "This token opens more than this gateway.", hint=hint)
        name = str(found["name"])
        return Identity(f"jupyterhub {self.api}", name, name, "anyone")


def hub_of(environment: Mapping[str, str]) -> Hub:
    """The Hub that started the gateway as its service. Raises :class:`SettingsError`."""
    names = ("JUPYTERHUB_API_URL", "JUPYTERHUB_SERVICE_NAME", "JUPYTERHUB_API_TOKEN")
    if missing := [name for name in names if not environment.get(name)]:
        hint = "Let the JupyterHub start the gateway as a service, or set what it would set."
        raise SettingsError(f"{missing[0]} is not set.", hint=hint)
    api, service, token = (environment[name] for name in names)
    client, public = environment.get("JUPYTERHUB_CLIENT_ID", ""), environment.get("JUPYTERHUB_PUBLIC_HUB_URL", "")
    if public:
        if urlsplit(public).scheme != "https" and not is_loopback(public):
            raise SettingsError(f"{public} is no address with https://.", hint="A JupyterHub is reached by TLS.")
        if not client:
            raise SettingsError("JUPYTERHUB_CLIENT_ID is not set.", hint="Set it as the JupyterHub would.")
        require_library()
    return Hub(api.rstrip("/"), service, token, client, public.rstrip("/"))

"""JupyterHub as identity: the gateway is a service of the Hub, and asks it whose a token is.

A participant's server makes a token that is good for this service alone and for a minute, and shows that: the gateway,
which nobody has to trust, never sees the one that opens their server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import requests

from participant_kit.gateway.errors import GatewayError, SettingsError

PATIENCE = 15.0


@dataclass(frozen=True)
class Hub:
    """The Hub at ``api``, which knows the gateway as ``service``. ``token`` is the gateway's own."""

    api: str
    service: str
    token: str

    def who(self, token: str) -> str:
        """The name of whose ``token`` it is. Raises :class:`GatewayError`."""
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
        return str(found["name"])


def hub_of(environment: Mapping[str, str]) -> Hub:
    """The Hub that started the gateway as its service. Raises :class:`SettingsError`."""
    names = ("JUPYTERHUB_API_URL", "JUPYTERHUB_SERVICE_NAME", "JUPYTERHUB_API_TOKEN")
    if missing := [name for name in names if not environment.get(name)]:
        hint = "Let the JupyterHub start the gateway as a service, or set what it would set."
        raise SettingsError(f"{missing[0]} is not set.", hint=hint)
    api, service, token = (environment[name] for name in names)
    return Hub(api.rstrip("/"), service, token)

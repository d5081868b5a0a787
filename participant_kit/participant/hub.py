"""On a JupyterHub nobody needs a token: one for the gateway comes from the Hub.

The administrator sets ``PKIT_GATEWAY``, and in ``PKIT_JUPYTERHUB`` the gateway's name among the Hub's services. Only
to that gateway a token of the Hub is shown, and only one that is good for nothing else, and for a minute.
"""

from __future__ import annotations

import os

import requests

from participant_kit.participant.errors import ParticipantError
from participant_kit.protocol.address import gateway_address
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.messages import NewToken

SECONDS = 60
PATIENCE = 15.0


def is_on_hub(gateway: str) -> bool:
    """Whether the Hub's administrator says that ``gateway`` is a service of it."""
    known = all(os.environ.get(name) for name in ("PKIT_JUPYTERHUB", "PKIT_GATEWAY", "JUPYTERHUB_API_TOKEN"))
    return known and gateway_address(os.environ["PKIT_GATEWAY"]) == gateway


def ask_hub(gateway: str) -> NewToken:
    """A token for ``gateway``. Raises a :class:`~participant_kit.challenge.errors.KitError`."""
    api, user, service = (
        os.environ.get(name, "") for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_USER", "PKIT_JUPYTERHUB")
    )
    body = {"scopes": [f"access:services!service={service}"], "expires_in": SECONDS, "note": "participant-kit"}
    headers = {"Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}"}
    try:
        answer = requests.post(f"{api}/users/{user}/tokens", json=body, headers=headers, timeout=PATIENCE)
        answer.raise_for_status()
        narrow = str(answer.json()["token"])
    except (requests.RequestException, ValueError, KeyError) as error:
        status = getattr(getattr(error, "response", None), "status_code", type(error).__name__)
        raise ParticipantError(
            f"The JupyterHub gave no token for its service {service} ({status}).",
            hint="Ask its administrator to let servers make tokens for it: see the operator's page, JupyterHub.",
            code="hub",
        ) from None
    return Connection(gateway, narrow).post("/hub", NewToken)

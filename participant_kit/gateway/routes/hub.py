"""Tokens for people whom the JupyterHub knows."""

from __future__ import annotations

from fastapi import APIRouter, Request

from participant_kit.gateway.accounts import add_token, find_person, remove_expired
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.identities import welcome_identity
from participant_kit.gateway.service import Credentials, Gateway
from participant_kit.protocol.messages import NewToken

router = APIRouter(tags=["server"])
DAYS = 1


@router.post("/hub", status_code=201)
def post_hub(request: Request, service: Gateway, credentials: Credentials) -> NewToken:
    """A token for a day, for a token of the JupyterHub that is good for this service alone."""
    hub = service.settings.hub
    if hub is None:
        hint = "Log in with a token: pkit login GATEWAY"
        raise GatewayError(404, "no_hub", "This gateway belongs to no JupyterHub.", hint=hint)
    if credentials is None:
        raise GatewayError(401, "token_missing", "This needs a token.", hint="Send one of the JupyterHub's.")
    identity = hub.identify(credentials.credentials)
    with service.database.write() as connection:
        person = welcome_identity(connection, identity)
        caller = find_person(connection, person)
        remove_expired(connection, person)
        request.state.account = person  # for the log
        return add_token(connection, person, caller.role, DAYS)

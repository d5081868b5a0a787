"""Logging in elsewhere, at an OpenID provider or a JupyterHub, and coming back."""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from participant_kit.gateway.accounts import find_person
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.identities import Elsewhere, Identity, find_identity, link_identity, welcome_identity
from participant_kit.gateway.openid import derive
from participant_kit.gateway.pages.address import public_address
from participant_kit.gateway.pages.viewer import client_of, cookie_name, find_viewer, is_secure, local_path, log_in
from participant_kit.gateway.service import Gateway, Service

router = APIRouter(prefix="/login/{where}", include_in_schema=False, dependencies=[Depends(find_viewer)])
MINUTES = 10


def _provider(service: Service, where: str) -> Elsewhere:
    if where not in service.providers:
        raise GatewayError(404, "http_404", "There is nothing at this address.")
    return service.providers[where]


def _cookie(request: Request, where: str) -> str:
    return f"{cookie_name(request)}-{where}"


def _back(request: Request, where: str) -> str:
    return f"{public_address(request)}/login/{where}/back"


@router.get("")
async def get_begin(where: str, request: Request, service: Gateway, next: str = "/") -> Response:
    """To the provider, with a secret in a cookie by which this browser is known when it comes back."""
    provider = _provider(service, where)
    service.limits.check("login", client_of(request))
    secret = secrets.token_urlsafe(32)
    response = RedirectResponse(await run_in_threadpool(provider.begin, secret, _back(request, where)), 303)
    value = f"{secret}.{quote(local_path(next), safe='')}"
    response.set_cookie(
        _cookie(request, where), value, MINUTES * 60, secure=is_secure(request), httponly=True, samesite="lax"
    )
    return response


@router.get("/back")
async def get_back(
    where: str, request: Request, service: Gateway, code: str = "", state: str = "", error: str = ""
) -> Response:
    """Who comes back is who the provider says, if this browser is the one that went there."""
    provider = _provider(service, where)
    secret, _, path = request.cookies.get(_cookie(request, where), "").partition(".")
    if not secret or not hmac.compare_digest(derive(secret, "state").encode(), state.encode()):
        service.limits.count("login", client_of(request))
        hint = "Begin anew, in one window: it holds for ten minutes."
        raise GatewayError(403, "foreign_login", "This login was not begun in this browser.", hint=hint)
    if error or not code:
        raise GatewayError(403, "not_granted", "The provider did not let you in.", hint="Try it again.")
    identity = await run_in_threadpool(provider.finish, secret, _back(request, where), code)
    response = await run_in_threadpool(_enter, request, service, identity, unquote(path))
    response.delete_cookie(_cookie(request, where), secure=is_secure(request), httponly=True, samesite="lax")
    return response


def _enter(request: Request, service: Service, identity: Identity, path: str) -> Response:
    viewer = request.state.viewer
    with service.database.write() as connection:
        if viewer is not None and find_identity(connection, identity) is None:
            link_identity(connection, identity, viewer.person)
        person = welcome_identity(connection, identity)
    with service.database.read() as connection:
        find_person(connection, person)
    return log_in(request, service, person, path)

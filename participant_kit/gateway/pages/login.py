"""Logging in with a token, and out. There are no passwords: nobody can choose one that is guessed."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from participant_kit.gateway.accounts import Caller, find_account, find_owner
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.lockouts import check_lockout, count_failure
from participant_kit.gateway.pages.form import Form
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import (
    SentForm,
    client_of,
    cookie_name,
    find_viewer,
    form_of,
    go,
    is_secure,
    local_path,
    log_in,
    read_form,
)
from participant_kit.gateway.service import Gateway, Service
from participant_kit.gateway.sessions import end_session

router = APIRouter(include_in_schema=False)


@router.get("/login", dependencies=[Depends(find_viewer)])
async def get_login(request: Request, service: Gateway, next: str = "/") -> Response:
    """Where the token is typed."""
    if request.state.viewer is not None:
        return go(request, local_path(next))
    return _show(request, service, Form({"next": local_path(next)}))


def _show(request: Request, service: Service, form: Form, status: int = 200) -> Response:
    providers = {name: provider.title for name, provider in service.providers.items()}
    return answer(request, "login", status, form=form, providers=providers)


@router.post("/login", dependencies=[Depends(find_viewer)])
async def post_login(request: Request, service: Gateway) -> Response:
    """The token for a session."""
    form = form_of(await read_form(request))
    who = client_of(request)
    service.limits.check("login", who)
    token = form.text("token", 200)
    if not form.faults:
        try:
            account = await run_in_threadpool(_find, service, token, who)
            return await run_in_threadpool(log_in, request, service, account.person, form.get("next"))
        except GatewayError as error:
            service.limits.count("login", who)
            form.faults["token"] = f"{error.message} {error.hint}"
    form.values["token"] = ""  # a secret is not sent back
    return _show(request, service, form, 422)


def _find(service: Service, token: str, address: str) -> Caller:
    owner = None
    try:
        with service.database.read() as connection:
            owner = find_owner(connection, token)
            if owner is not None:
                check_lockout(connection, owner, address)
            account = find_account(connection, token)
    except GatewayError as error:
        if owner is not None and error.code == "token_expired":
            with service.database.write() as connection:
                count_failure(connection, owner, address)
        raise
    if account.role not in ("participant", "organizer"):
        raise GatewayError(403, "role", "This is a runner's token.", hint="Pages are for people.")
    return account


@router.post("/logout")
def post_logout(request: Request, service: Gateway, form: SentForm) -> Response:
    """End this session."""
    with service.database.write() as connection:
        end_session(connection, request.cookies.get(cookie_name(request), ""))
    response = go(request, "/")
    response.delete_cookie(cookie_name(request), httponly=True, secure=is_secure(request), samesite="lax")
    return response

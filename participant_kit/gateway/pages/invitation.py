"""The page behind an invitation's link: choose a name, and take part."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from participant_kit.gateway.accounts import add_token, find_account
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.invitations import accept_invitation, find_invitation
from participant_kit.gateway.pages.address import public_address
from participant_kit.gateway.pages.form import Form
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import client_of, find_viewer, form_of, read_form, set_cookie
from participant_kit.gateway.service import Gateway, Service
from participant_kit.gateway.sessions import begin_session, form_token

router = APIRouter(include_in_schema=False, dependencies=[Depends(find_viewer)])


@router.get("/invitation/{code}")
def get_invitation(code: str, request: Request, service: Gateway) -> Response:
    """Nothing is used up by looking."""
    return answer(request, "invitation", invitation=_find(request, service, code), form=Form())


@router.post("/invitation/{code}")
async def post_invitation(code: str, request: Request, service: Gateway) -> Response:
    """An account, its token, which is shown this once, and a session."""
    form = form_of(await read_form(request))
    return await run_in_threadpool(_accept, request, service, code, form)


def _find(request: Request, service: Service, code: str) -> object:
    who = client_of(request)
    service.limits.check("invitation", who)
    try:
        with service.database.read() as connection:
            return find_invitation(connection, code)
    except GatewayError:
        service.limits.count("invitation", who)
        raise


def _accept(request: Request, service: Service, code: str, form: Form) -> Response:
    invitation = _find(request, service, code)
    name = form.name("name")
    if form.faults:
        return answer(request, "invitation", 422, invitation=invitation, form=form)
    try:
        with service.database.write() as connection:
            state = accept_invitation(connection, code, name)
            token = add_token(connection, name, "participant").token
            active = state == "active"
            secret = begin_session(connection, name) if active else ""
            request.state.viewer = find_account(connection, token) if active else None
    except GatewayError as error:
        if error.code != "name_taken":
            raise
        form.faults["name"] = f"{error.message} {error.hint}"
        return answer(request, "invitation", 422, invitation=invitation, form=form)
    request.state.form = form_token(secret) if secret else ""
    response = answer(request, "welcome", 201, state=state, who=name, token=token, address=public_address(request))
    if secret:
        set_cookie(request, response, secret)
    return response

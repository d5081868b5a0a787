"""A person's own page: who they are here, and their tokens."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from participant_kit.gateway.accounts import add_token, end_tokens, list_tokens
from participant_kit.gateway.audit import record
from participant_kit.gateway.pages.address import public_address
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import SentForm, Viewer, cookie_name, go
from participant_kit.gateway.people import list_members
from participant_kit.gateway.service import Gateway, Service
from participant_kit.gateway.sessions import end_others

router = APIRouter(prefix="/account", include_in_schema=False)


@router.get("")
def get_account(request: Request, service: Gateway, viewer: Viewer) -> Response:
    """Name, team, tokens."""
    return _show(request, service, viewer.person)


def _show(request: Request, service: Service, person: str, token: str = "", status: int = 200) -> Response:
    viewer = request.state.viewer
    with service.database.read() as connection:
        tokens = list_tokens(connection, person)
        members = list_members(connection, [viewer.name]).get(viewer.name, [])
    values = {"tokens": tokens, "members": members, "token": token, "address": public_address(request)}
    return answer(request, "account_page", status, **values)


@router.post("/tokens")
def post_token(request: Request, service: Gateway, viewer: Viewer, form: SentForm) -> Response:
    """Another token, shown this once."""
    service.limits.check("token", viewer.person)
    service.limits.count("token", viewer.person)
    with service.database.write() as connection:
        token = add_token(connection, viewer.person, viewer.role).token
        record(connection, viewer.person, "token", viewer.person)
    return _show(request, service, viewer.person, token, 201)


@router.post("/tokens/end")
def post_end(request: Request, service: Gateway, viewer: Viewer, form: SentForm) -> Response:
    """End every token and every other session: for who has lost one."""
    with service.database.write() as connection:
        end_tokens(connection, viewer.person)
        end_others(connection, viewer.person, request.cookies.get(cookie_name(request), ""))
        record(connection, viewer.person, "end tokens", viewer.person)
    return go(request, "/account")

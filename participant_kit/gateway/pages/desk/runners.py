"""The queue and who works on it; a token for a runner that is to come."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from participant_kit.gateway.accounts import add_account
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.pages.address import public_address
from participant_kit.gateway.pages.form import Form
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import Organizer, SentForm
from participant_kit.gateway.runners import list_runners, read_queue
from participant_kit.gateway.service import Gateway, Service
from participant_kit.protocol.messages import AccountRole, NewAccount

router = APIRouter(prefix="/desk/runners", include_in_schema=False)
AWAY = 120.0
"""Seconds without a word, after which a runner is said to be away."""
ROLES: dict[str, AccountRole] = {"blind": "runner", "rehearsal": "rehearsal"}


@router.get("")
def get_runners(request: Request, service: Gateway, organizer: Organizer) -> Response:
    """Who works, and what waits for them. What is in a runner's state folder, the gateway does not know."""
    return _show(request, service, Form())


def _show(request: Request, service: Service, form: Form, token: str = "", status: int = 200) -> Response:
    with service.database.read() as connection:
        queue, runners = read_queue(connection), list_runners(connection)
    values = {
        "queue": queue,
        "runners": runners,
        "now": time.time(),
        "away": AWAY,
        "token": token,
        "roles": list(ROLES),
    }
    return answer(request, "desk_runners", status, form=form, address=public_address(request), **values)


@router.post("")
def post_runner(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Let a runner in, or give it another token. The token is shown this once."""
    name, role = form.name("name"), form.choice("role", ROLES)
    if not form.faults:
        try:
            with service.database.write() as connection:
                new = NewAccount(name=name, role=ROLES[role])
                token = add_account(connection, new, organizer.person).token
            return _show(request, service, Form(), token, 201)
        except GatewayError as error:
            form.faults["name"] = f"{error.message} {error.hint}"
    return _show(request, service, form, status=422)

"""Invitations: links for so many people, until a day."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.invitations import (
    MOST_DAYS,
    MOST_USES,
    PAGE,
    list_invitations,
    make_invitation,
    revoke_invitation,
    state_of,
)
from participant_kit.gateway.pages.address import public_address
from participant_kit.gateway.pages.form import Form
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import Organizer, SentForm, go
from participant_kit.gateway.service import Gateway, Service
from participant_kit.gateway.teams import find_team

router = APIRouter(prefix="/desk/invitations", include_in_schema=False)
NEW = {"uses": "1", "days": "14"}


@router.get("")
def get_invitations(
    request: Request, service: Gateway, organizer: Organizer, before: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """All of them, in pages; the links themselves are not kept."""
    return _show(request, service, Form(NEW | {"before": before}))


def _show(request: Request, service: Service, form: Form, link: str = "", status: int = 200) -> Response:
    with service.database.read() as connection:
        made = list_invitations(connection, form.get("before"))
    values = {"invitations": [(each, state_of(each)) for each in made[:PAGE]], "more": len(made) > PAGE}
    return answer(request, "desk_invitations", status, form=form, link=link, **values)


@router.post("")
def post_invitation(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Make one; its link is shown this once."""
    uses, days = form.number("uses", 1, MOST_USES), form.number("days", 1, MOST_DAYS)
    note, team, approve = form.text("note", 200, may_be_empty=True), form.get("team") or None, form.ticked("approve")
    try:
        with service.database.write() as connection:
            if team is not None:
                find_team(connection, team)
            if not form.faults:
                by = organizer.person
                code = make_invitation(connection, by, uses=uses, days=days, approve=approve, team=team, note=note)
    except GatewayError as error:
        form.faults["team"] = f"{error.message} {error.hint}"
    if form.faults:
        return _show(request, service, form, status=422)
    link = f"{public_address(request)}/invitation/{code}"
    return _show(request, service, Form(NEW), link, 201)


@router.post("/revoke")
def post_revoke(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Let nobody come by it any more."""
    with service.database.write() as connection:
        revoke_invitation(connection, form.get("invitation"), organizer.person)
    return go(request, "/desk/invitations")

"""Participants and teams: approve, pause, put together."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from participant_kit.gateway.accounts import set_state
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.lockouts import lift_lockouts, list_lockouts
from participant_kit.gateway.pages.form import Form
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import Organizer, SentForm, go
from participant_kit.gateway.people import PAGE, list_people, list_teams
from participant_kit.gateway.service import Gateway, Service
from participant_kit.gateway.teams import join_team, leave_team, list_members, make_team

router = APIRouter(prefix="/desk/people", include_in_schema=False)
STATES = {"approve": "active", "resume": "active", "pause": "paused"}
Offset = Annotated[int, Query(ge=0, le=10**9)]


@router.get("")
def get_people(
    request: Request,
    service: Gateway,
    organizer: Organizer,
    find: Annotated[str, Query(max_length=64)] = "",
    offset: Offset = 0,
) -> Response:
    """All of them, in pages."""
    return _show(request, service, Form(), find.replace("\x00", ""), offset)


def _show(
    request: Request, service: Service, form: Form, find: str = "", offset: int = 0, status: int = 200
) -> Response:
    with service.database.read() as connection:
        people, teams = list_people(connection, find, offset, PAGE + 1), list_teams(connection)
        members, locked = list_members(connection), list_lockouts(connection)
    values = {"teams": teams, "members": members, "form": form, "find": find, "offset": offset, "locked": locked}
    more = offset + PAGE if len(people) > PAGE else None
    return answer(request, "desk_people", status, people=people[:PAGE], more=more, back=max(0, offset - PAGE), **values)


@router.post("/state")
def post_state(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Approve, pause or resume somebody, or a team."""
    name, act = form.get("name"), form.choice("act", STATES)
    if form.faults:
        raise GatewayError(422, "act", form.faults["act"], hint="Use the buttons of the page.")
    with service.database.write() as connection:
        set_state(connection, name, STATES[act], organizer.person)
    return go(request, "/desk/people")


@router.post("/unlock")
def post_unlock(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Let somebody log in again before the time is over."""
    with service.database.write() as connection:
        lift_lockouts(connection, form.get("name"), organizer.person)
    return go(request, "/desk/people")


@router.post("/teams")
def post_team(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Make a team."""
    name = form.name("team")
    if not form.faults:
        try:
            with service.database.write() as connection:
                make_team(connection, name, organizer.person)
            return go(request, "/desk/people")
        except GatewayError as error:
            form.faults["team"] = f"{error.message} {error.hint}"
    return _show(request, service, form, status=422)


@router.post("/join")
def post_join(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Put somebody into a team, or take them out of theirs when no team is named."""
    person, team = form.name("person"), form.get("into")
    if not form.faults:
        try:
            with service.database.write() as connection:
                if team:
                    join_team(connection, person, team, organizer.person)
                else:
                    leave_team(connection, person, organizer.person)
            return go(request, "/desk/people")
        except GatewayError as error:
            field = "into" if error.code == "team_unknown" else "person"
            form.faults[field] = f"{error.message} {error.hint}"
    return _show(request, service, form, status=422)

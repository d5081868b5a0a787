"""Teams: made, and people put together."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.pages.form import Form, Word
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import Organizer, SentForm, go
from participant_kit.gateway.people import PAGE, list_members, list_teams
from participant_kit.gateway.service import Gateway, Service
from participant_kit.gateway.teams import join_team, leave_team, make_team

router = APIRouter(prefix="/desk/people", include_in_schema=False)


@router.get("/teams")
def get_teams(request: Request, service: Gateway, organizer: Organizer, find: Word = "", after: Word = "") -> Response:
    """All of them by name, in pages."""
    return show(request, service, Form({"find": find, "after": after}))


def show(request: Request, service: Service, form: Form, status: int = 200) -> Response:
    """The page, with what was typed."""
    wanted = {name: form.get(name) for name in ("find", "after")}
    with service.database.read() as connection:
        rows = list_teams(connection, **wanted, limit=PAGE + 1)
        members = list_members(connection, [row.name for row in rows[:PAGE]])
    values = {"teams": rows[:PAGE], "members": members, "more": len(rows) > PAGE}
    return answer(request, "desk_teams", status, form=form, wanted=wanted, **values)


@router.post("/teams")
def post_team(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Make a team."""
    name = form.name("team")
    if not form.faults:
        try:
            with service.database.write() as connection:
                make_team(connection, name, organizer.person)
            return go(request, "/desk/people/teams")
        except GatewayError as error:
            form.faults["team"] = f"{error.message} {error.hint}"
    return show(request, service, form, 422)


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
            return go(request, "/desk/people/teams")
        except GatewayError as error:
            field = "into" if error.code == "team_unknown" else "person"
            form.faults[field] = f"{error.message} {error.hint}"
    return show(request, service, form, 422)

"""Participants: find, approve, pause."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from participant_kit.gateway.accounts import set_state
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.lockouts import lift_lockouts, list_lockouts
from participant_kit.gateway.pages.desk import teams
from participant_kit.gateway.pages.form import Form, Word
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import Organizer, SentForm, go
from participant_kit.gateway.people import PAGE, STATES, count_waiting, list_people
from participant_kit.gateway.service import Gateway, Service

router = APIRouter(prefix="/desk/people", include_in_schema=False)
ACTS = {"approve": "active", "resume": "active", "pause": "paused"}


@router.get("")
def get_people(
    request: Request, service: Gateway, organizer: Organizer, find: Word = "", state: Word = "", after: Word = ""
) -> Response:
    """All of them by name, in pages; or those of a name, or in a state."""
    return _show(request, service, Form({"find": find, "state": state, "after": after}))


def _show(request: Request, service: Service, form: Form, status: int = 200) -> Response:
    wanted = {name: form.get(name) for name in ("find", "state", "after")}
    with service.database.read() as connection:
        rows = list_people(connection, **wanted, limit=PAGE + 1)
        waiting, locked = count_waiting(connection), list_lockouts(connection)
    values = {"people": rows[:PAGE], "more": len(rows) > PAGE, "waiting": waiting, "states": STATES, "locked": locked}
    return answer(request, "desk_people", status, form=form, wanted=wanted, **values)


@router.post("/state")
def post_state(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Approve, pause or resume somebody, or a team; then the list again, where it was."""
    name, act, is_team = form.get("name"), form.choice("act", ACTS), form.ticked("team")
    if form.faults:
        raise GatewayError(422, "act", form.faults["act"], hint="Use the buttons of the page.")
    try:
        with service.database.write() as connection:
            set_state(connection, name, ACTS[act], organizer.person, form.get("seen"))
    except GatewayError as error:
        if error.code != "changed_meanwhile":
            raise
        form.faults["all"] = f"{error.message} {error.hint}"
        return (teams.show if is_team else _show)(request, service, form, error.status)
    kept = {key: form.get(key) for key in ("find", "state", "after") if form.get(key)}
    path = "/desk/people/teams" if is_team else "/desk/people"
    return go(request, f"{path}?{urlencode(kept)}" if kept else path)


@router.post("/unlock")
def post_unlock(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Let somebody log in again before the time is over."""
    with service.database.write() as connection:
        lift_lockouts(connection, form.get("name"), organizer.person)
    return go(request, "/desk/people")

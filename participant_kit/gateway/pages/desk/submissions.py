"""Everybody's submissions: state, time in each state, and what an organizer may decide. The notebook is sealed."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from participant_kit.gateway.challenges import find_challenge, list_challenges
from participant_kit.gateway.decisions import (
    PAGE,
    disqualify,
    find_any,
    give_back,
    list_all,
    read_stays,
    run_again,
    why_not_again,
)
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.pages.form import Form, Word
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import Organizer, SentForm, go
from participant_kit.gateway.service import Gateway, Service
from participant_kit.protocol.keys import Role
from participant_kit.protocol.states import FINAL, State

router = APIRouter(prefix="/desk/submissions", include_in_schema=False)


@router.get("")
def get_submissions(
    request: Request,
    service: Gateway,
    organizer: Organizer,
    challenge: Word = "",
    state: Word = "",
    participant: Word = "",
    before: Word = "",
) -> Response:
    """All of them in pages, the newest first; or those of a challenge, in a state, of a participant."""
    form = Form({"challenge": challenge, "state": state, "participant": participant, "before": before})
    wanted = {name: form.get(name) for name in form.values}
    with service.database.read() as connection:
        rows = list_all(connection, **wanted, limit=PAGE + 1)
        known = [info.card.slug for info in list_challenges(connection)]
    values = {
        "rows": rows[:PAGE],
        "more": len(rows) > PAGE,
        "challenges": known,
        "states": [each.value for each in State],
    }
    return answer(request, "desk_submissions", 200, wanted=wanted, **values)


@router.get("/{identifier}")
def get_submission(identifier: str, request: Request, service: Gateway, organizer: Organizer) -> Response:
    """One of them."""
    return _show(request, service, identifier, Form())


def _show(request: Request, service: Service, identifier: str, form: Form, status: int = 200) -> Response:
    with service.database.read() as connection:
        row = find_any(connection, identifier)
        stays, why_not = read_stays(connection, row.id), why_not_again(connection, row)
        card = find_challenge(connection, row.challenge).card
    return answer(
        request,
        "desk_submission",
        status,
        row=row,
        stays=stays,
        why_not=why_not,
        card=card,
        form=form,
        is_final=State(row.state) in FINAL,
    )


@router.post("/{identifier}/again")
def post_again(identifier: str, request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Queue it again."""
    with service.database.write() as connection:
        row = run_again(connection, identifier, organizer.person)
    service.bell.ring(row.participant, *Role)
    return go(request, f"/desk/submissions/{row.id}")


@router.post("/{identifier}/give-back")
def post_give_back(
    identifier: str, request: Request, service: Gateway, organizer: Organizer, form: SentForm
) -> Response:
    """Let it cost no quota."""
    with service.database.write() as connection:
        row = give_back(connection, identifier, organizer.person)
    service.bell.ring(row.participant)
    return go(request, f"/desk/submissions/{row.id}")


@router.post("/{identifier}/disqualify")
def post_disqualify(
    identifier: str, request: Request, service: Gateway, organizer: Organizer, form: SentForm
) -> Response:
    """Take it off the board, for a reason that its participant sees."""
    reason, status = form.text("reason", 500), 422
    if not form.faults:
        try:
            with service.database.write() as connection:
                row = disqualify(connection, identifier, reason, organizer.person, form.get("seen"))
            service.bell.ring(row.participant)
            return go(request, f"/desk/submissions/{row.id}")
        except GatewayError as error:
            if error.status == 404:
                raise
            form.faults["reason"], status = f"{error.message} {error.hint}", error.status
    return _show(request, service, identifier, form, status)


@router.post("/{identifier}/reinstate")
def post_reinstate(
    identifier: str, request: Request, service: Gateway, organizer: Organizer, form: SentForm
) -> Response:
    """Let it count again."""
    with service.database.write() as connection:
        row = disqualify(connection, identifier, None, organizer.person)
    service.bell.ring(row.participant)
    return go(request, f"/desk/submissions/{row.id}")

"""The desk's first page, and the audit log."""

from __future__ import annotations

import re
import time
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection, func, select

from participant_kit.gateway.audit import PAGE, read_audit
from participant_kit.gateway.challenges import find_withdrawal, list_challenges
from participant_kit.gateway.pages.challenge import Challenge
from participant_kit.gateway.pages.form import Form, Word
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import Organizer, go
from participant_kit.gateway.people import count_waiting
from participant_kit.gateway.runners import read_queue
from participant_kit.gateway.service import Gateway, Service
from participant_kit.gateway.tables import submissions
from participant_kit.protocol.states import FINAL, OPEN, State

router = APIRouter(prefix="/desk", include_in_schema=False)
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}[a-z0-9]")
LATELY = 86400.0
"""Seconds, of which the overview tells what has ended."""
WORKED_ON = [state.value for state in OPEN if state != State.SCORING]
ENDED = [state.value for state in State if state in FINAL]


@router.get("")
def get_overview(request: Request, service: Gateway, organizer: Organizer) -> Response:
    """What there is, and what waits for somebody."""
    return _show(request, service, Form())


def _show(request: Request, service: Service, form: Form, status: int = 200) -> Response:
    with service.database.read() as connection:
        known = [Challenge(info, find_withdrawal(connection, info.card.slug)) for info in list_challenges(connection)]
        numbers = _count_states(connection)
        waiting, queue, acts = count_waiting(connection), read_queue(connection), read_audit(connection, limit=8)
    values = {"challenges": known, "numbers": numbers, "states": [*WORKED_ON, *ENDED], "waiting": waiting}
    return answer(request, "desk_overview", status, queue=queue, acts=acts, form=form, **values)


def _count_states(connection: Connection) -> dict[tuple[str, str], int]:
    """By challenge and state: all that are open, and of what was sent in the last :data:`LATELY` what has ended."""
    kinds = (submissions.c.challenge, submissions.c.state)
    found: dict[tuple[str, str], int] = {}
    lately = submissions.c.created_at > time.time() - LATELY
    for which, states in ((lately, ENDED), (submissions.c.state.in_(WORKED_ON), WORKED_ON)):
        rows = connection.execute(select(*kinds, func.count()).where(which).group_by(*kinds))
        found |= {(challenge, state): number for challenge, state, number in rows if state in states}
    return found


@router.get("/audit")
def get_audit(
    request: Request,
    service: Gateway,
    organizer: Organizer,
    who: Word = "",
    on: Word = "",
    before: Annotated[int | None, Query(ge=0, le=2**31)] = None,
) -> Response:
    """Who did what, the newest first; what somebody did, or what was done to something."""
    form = Form({"who": who, "on": on})
    wanted = {name: form.get(name) for name in form.values}
    with service.database.read() as connection:
        lines = read_audit(connection, before, PAGE + 1, account=wanted["who"], subject=wanted["on"])
    shown = {"lines": lines[:PAGE], "more": len(lines) > PAGE, "before": before}
    return answer(request, "desk_audit", 200, wanted=wanted, **shown)


@router.get("/new")
def get_new(request: Request, service: Gateway, organizer: Organizer, slug: Word = "") -> Response:
    """Where the kit of a challenge is sent that is not here yet."""
    form = Form({"slug": slug})
    if not SLUG.fullmatch(form.get("slug")):
        form.faults["slug"] = "A slug has 2 to 64 small letters, digits and hyphens, as `slug` in the card: icu-2026."
        return _show(request, service, form, 422)
    return go(request, f"/desk/challenges/{form.get('slug')}/kit")

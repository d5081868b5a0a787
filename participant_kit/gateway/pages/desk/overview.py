"""The desk's first page, the queue and its runners, and the audit log."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection, func, select

from participant_kit.gateway.audit import PAGE, read_audit
from participant_kit.gateway.challenges import list_challenges
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import Organizer, go
from participant_kit.gateway.runners import list_runners, read_queue
from participant_kit.gateway.service import Gateway
from participant_kit.gateway.tables import accounts, submissions
from participant_kit.protocol.states import State

router = APIRouter(prefix="/desk", include_in_schema=False)
SLUG = r"^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$"
AWAY = 120.0
"""Seconds without a word, after which a runner is said to be away."""


@router.get("")
def get_overview(request: Request, service: Gateway, organizer: Organizer) -> Response:
    """What there is, and what waits for somebody."""
    with service.database.read() as connection:
        known, numbers = list_challenges(connection), _count_states(connection)
        waiting = connection.scalar(select(func.count()).select_from(accounts).where(accounts.c.state == "waiting"))
        queue, acts = read_queue(connection), read_audit(connection, limit=8)
    return answer(
        request,
        "desk_overview",
        challenges=known,
        numbers=numbers,
        states=[state.value for state in State if state != State.SCORING],
        waiting=waiting,
        queue=queue,
        acts=acts,
    )


def _count_states(connection: Connection) -> dict[tuple[str, str], int]:
    kinds = (submissions.c.challenge, submissions.c.state)
    rows = connection.execute(select(*kinds, func.count()).group_by(*kinds))
    return {(challenge, state): number for challenge, state, number in rows}


@router.get("/runners")
def get_runners(request: Request, service: Gateway, organizer: Organizer) -> Response:
    """Who works, and what waits for them. What is in a runner's state folder, the gateway does not know."""
    with service.database.read() as connection:
        queue, runners = read_queue(connection), list_runners(connection)
    return answer(request, "desk_runners", queue=queue, runners=runners, now=time.time(), away=AWAY)


@router.get("/audit")
def get_audit(
    request: Request,
    service: Gateway,
    organizer: Organizer,
    before: Annotated[int | None, Query(ge=0, le=2**31)] = None,
) -> Response:
    """Who did what, the newest first."""
    with service.database.read() as connection:
        lines = read_audit(connection, before)
    older = lines[-1]["id"] if len(lines) == PAGE else None
    return answer(request, "desk_audit", lines=lines, older=older)


@router.get("/new")
def get_new(request: Request, organizer: Organizer, slug: Annotated[str, Query(pattern=SLUG)]) -> Response:
    """Where the kit of a challenge is sent that is not here yet."""
    return go(request, f"/desk/challenges/{slug}/kit")

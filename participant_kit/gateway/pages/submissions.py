"""A participant's own submissions in the browser. Those of others are not there."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from participant_kit.gateway.challenges import find_challenge
from participant_kit.gateway.decisions import read_stays
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import Viewer
from participant_kit.gateway.service import Gateway
from participant_kit.gateway.submissions import find_submission, list_submissions, read_status

router = APIRouter(prefix="/submissions", include_in_schema=False)


@router.get("")
def get_submissions(request: Request, service: Gateway, viewer: Viewer) -> Response:
    """All of them, the newest first."""
    with service.database.read() as connection:
        return answer(request, "submissions", statuses=list_submissions(connection, viewer.name, None))


@router.get("/{identifier}")
def get_submission(identifier: str, request: Request, service: Gateway, viewer: Viewer) -> Response:
    """One of them."""
    with service.database.read() as connection:
        row = find_submission(connection, identifier, viewer.name)
        found, stays = read_status(connection, row.id), read_stays(connection, row.id)
        card = find_challenge(connection, row.challenge).card
    return answer(request, "submission", found=found, stays=stays, card=card, sent_by=row.submitted_by)

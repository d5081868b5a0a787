"""Announcements: written, seen as they will look, and withdrawn."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from participant_kit.gateway.announcements import announce, list_announcements, withdraw
from participant_kit.gateway.challenges import list_challenges
from participant_kit.gateway.pages.form import Form
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import Organizer, SentForm, go
from participant_kit.gateway.service import Gateway, Service

router = APIRouter(prefix="/desk/announcements", include_in_schema=False)


@router.get("")
def get_announcements(request: Request, service: Gateway, organizer: Organizer) -> Response:
    """Those that hold, and a form for the next."""
    return _show(request, service, Form())


def _show(request: Request, service: Service, form: Form, status: int = 200) -> Response:
    with service.database.read() as connection:
        said, known = list_announcements(connection), [info.card.slug for info in list_challenges(connection)]
    return answer(request, "desk_announcements", status, announcements=said, challenges=known, form=form)


@router.post("")
def post_announcement(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Tell all who take part."""
    title, text = form.text("title", 200), form.text("text", 10_000)
    with service.database.read() as connection:
        known = [info.card.slug for info in list_challenges(connection)]
    challenge = form.choice("challenge", known) if form.get("challenge") else None
    if form.faults:
        return _show(request, service, form, 422)
    with service.database.write() as connection:
        announce(connection, challenge, title, text, organizer.person)
    return go(request, "/desk/announcements")


@router.post("/withdraw")
def post_withdraw(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Show one no more."""
    with service.database.write() as connection:
        withdraw(connection, form.get("announcement"), organizer.person)
    return go(request, "/desk/announcements")

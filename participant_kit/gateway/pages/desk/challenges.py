"""A challenge at the desk: its phases changed after a preview, and a new version of its kit."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from participant_kit.challenge.card import Phase
from participant_kit.challenge.errors import KitError
from participant_kit.gateway.challenges import find_challenge, find_withdrawal
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.pages.challenge import Challenge
from participant_kit.gateway.pages.form import Form
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import LONGEST_FORM, Organizer, SentForm, check_form, find_viewer, go
from participant_kit.gateway.phases import Effect, change_phase, edition, preview
from participant_kit.gateway.publish import Difference, compare, drop_draft, keep_draft, publish, take_draft
from participant_kit.gateway.service import Gateway, Service
from participant_kit.protocol.kit import MAX_KIT_BYTES

router = APIRouter(prefix="/desk/challenges", include_in_schema=False)


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"


def _typed(phase: Phase) -> Form:
    """The form of a phase as it is now."""
    values = {"starts": _moment(phase.starts), "ends": _moment(phase.ends), "leaderboard": phase.leaderboard}
    values |= {name: str(getattr(phase, name) or "") for name in ("per_day", "total")}
    return Form(values)


def _read(form: Form) -> dict[str, Any]:
    return {
        "starts": form.moment("starts"),
        "ends": form.moment("ends"),
        "per_day": form.number_or_none("per_day", 1, 1_000_000),
        "total": form.number_or_none("total", 1, 1_000_000),
        "leaderboard": form.choice("leaderboard", ("live", "hidden")),
    }


@router.get("/{slug}")
def get_challenge(slug: str, request: Request, service: Gateway, organizer: Organizer) -> Response:
    """Its phases, and what its kit is."""
    return _show(request, service, slug)


def _show(
    request: Request,
    service: Service,
    slug: str,
    phase: str = "",
    form: Form | None = None,
    effect: Effect | None = None,
    status: int = 200,
) -> Response:
    with service.database.read() as connection:
        info, seen = find_challenge(connection, slug), edition(connection, slug)
        challenge = Challenge(info, find_withdrawal(connection, slug))
    forms = {each.name: form if form and each.name == phase else _typed(each) for each in info.card.phases}
    shown = phase or info.open_phase or info.card.phases[0].name
    values = {
        "info": info,
        "challenge": challenge,
        "seen": seen,
        "forms": forms,
        "effect": effect,
        "shown": shown,
        "upload": Form(),
    }
    return answer(request, "desk_challenge", status, **values)


@router.post("/{slug}/phases/{phase}")
def post_phase(
    slug: str, phase: str, request: Request, service: Gateway, organizer: Organizer, form: SentForm
) -> Response:
    """Show what a change does; make it when that was seen and confirmed."""
    new = _read(form)
    if not form.faults and new["starts"] >= new["ends"]:
        form.faults["ends"] = "A phase ends after it starts."
    if form.faults:
        return _show(request, service, slug, phase, form, status=422)
    try:
        if form.get("act") == "confirm" and form.get("previewed") == _digest(new):
            with service.database.write() as connection:
                change_phase(connection, slug, phase, new, form.get("seen"), organizer.person)
            return go(request, f"/desk/challenges/{slug}")
        with service.database.read() as connection:
            effect = preview(connection, slug, phase, new)
    except GatewayError as error:
        if error.status == 404:
            raise
        form.faults["all"] = f"{error.message} {error.hint}"
        return _show(request, service, slug, phase, form, status=error.status)
    form.values["previewed"] = _digest(new)
    return _show(request, service, slug, phase, form, effect)


def _digest(new: dict[str, Any]) -> str:
    """Of what was shown: what is typed after that is shown first, too."""
    return hashlib.sha256(repr(sorted(new.items())).encode()).hexdigest()[:16]


@router.post("/{slug}/kit", dependencies=[Depends(find_viewer)])
async def post_kit(slug: str, request: Request, service: Gateway, organizer: Organizer) -> Response:
    """Take a kit, and show what publishing it would do."""
    sent, form = await check_form(request, MAX_KIT_BYTES + LONGEST_FORM)
    file = sent.get("kit")
    data = await file.read() if isinstance(file, UploadFile) else b""
    return await run_in_threadpool(_compare, request, service, slug, data, form)


def _compare(request: Request, service: Service, slug: str, data: bytes, form: Form) -> Response:
    difference: Difference | None = None
    if not data:
        form.faults["kit"] = "Choose the zip that `pkit challenge kit` has written."
    else:
        try:
            with service.database.read() as connection:
                difference = compare(connection, slug, data)
        except KitError as error:
            form.faults["kit"] = f"{error.message} {error.hint}".strip()
    if difference is not None:
        keep_draft(service, slug, data)
    status = 200 if difference else 422
    return answer(request, "desk_kit", status, slug=slug, difference=difference, form=form)


@router.get("/{slug}/kit")
def get_kit(slug: str, request: Request, service: Gateway, organizer: Organizer) -> Response:
    """Where a kit is sent."""
    return answer(request, "desk_kit", slug=slug, difference=None, form=Form())


@router.post("/{slug}/publish")
def post_publish(slug: str, request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """Let the kit hold that was sent before."""
    digest = form.get("digest")
    kit = take_draft(service, slug, digest)
    with service.database.read() as connection:
        difference = compare(connection, slug, kit)
    boards = form.choice("boards", ("keep", "anew")) if difference.on_boards else "keep"
    now = difference.before.kit_sha256 if difference.before else ""
    if form.get("seen") != now:
        form.faults["boards"] = "Another organizer has published a kit meanwhile. Look at what this one would do now."
    if form.faults:
        return answer(request, "desk_kit", 422, slug=slug, difference=difference, form=form)
    publish(service, slug, kit, organizer.person, fresh_boards=boards == "anew")
    drop_draft(service, slug, digest)
    return go(request, f"/desk/challenges/{slug}")

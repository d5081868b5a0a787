"""Where a person's news goes: mail and webhooks, and what was sent."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.mail import is_mail_address
from participant_kit.gateway.news import (
    EVENTS,
    add_channel,
    choose_events,
    confirm_channel,
    find_channel,
    list_channels,
    remove_channel,
    send_test,
)
from participant_kit.gateway.pages.form import Form
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import SentForm, Viewer, client_of, find_viewer, form_of, go, read_form
from participant_kit.gateway.service import Gateway, Service
from participant_kit.gateway.webhook import check_webhook

router = APIRouter(prefix="/account/news", include_in_schema=False)


@router.get("")
def get_news(request: Request, service: Gateway, viewer: Viewer) -> Response:
    """What one hears of, and how."""
    return _show(request, service, Form(dict.fromkeys(EVENTS, "yes")))


def _show(request: Request, service: Service, form: Form, secret: str = "", status: int = 200) -> Response:
    with service.database.read() as connection:
        mine = list_channels(connection, request.state.viewer.person)
    kinds = ["mail", "webhook"] if service.settings.smtp else ["webhook"]
    return answer(request, "news", status, channels=mine, events=EVENTS, form=form, kinds=kinds, secret=secret)


@router.post("")
def post_channel(request: Request, service: Gateway, viewer: Viewer, form: SentForm) -> Response:
    """Add a way; the secret of a webhook is shown."""
    kind = form.choice("kind", ["mail", "webhook"] if service.settings.smtp else ["webhook"])
    address = form.text("address", 500)
    if "address" not in form.faults and kind == "mail" and not is_mail_address(address):
        form.faults["address"] = "This is no address that mail can be sent to."
    elif kind == "webhook" and (fault := check_webhook(address, private=service.settings.private_webhooks)):
        form.faults.setdefault("address", fault)
    if not form.faults:
        try:
            with service.database.write() as connection:
                channel = add_channel(connection, viewer.person, kind, address, _chosen(form))
            secret = channel.secret if kind == "webhook" else ""
            return _show(request, service, Form(dict.fromkeys(EVENTS, "yes")), secret, 201)
        except GatewayError as error:
            form.faults["address"] = f"{error.message} {error.hint}"
    return _show(request, service, form, status=422)


def _chosen(form: Form) -> list[str]:
    return [event for event in EVENTS if form.ticked(event)]


@router.post("/change")
def post_change(request: Request, service: Gateway, viewer: Viewer, form: SentForm) -> Response:
    """Choose other events, try it, or remove it."""
    identifier, act = form.get("channel"), form.get("act")
    with service.database.write() as connection:
        if act == "remove":
            remove_channel(connection, viewer.person, identifier)
        elif act == "test":
            service.limits.check("test", viewer.person)
            service.limits.count("test", viewer.person)
            if not find_channel(connection, viewer.person, identifier).confirmed:
                raise GatewayError(409, "not_confirmed", "This address is not confirmed.", hint="Open the link there.")
            send_test(connection, viewer.person, identifier)
        else:
            choose_events(connection, viewer.person, identifier, _chosen(form))
    return go(request, "/account/news")


@router.get("/{identifier}/{code}", dependencies=[Depends(find_viewer)])
def get_confirmation(identifier: str, code: str, request: Request) -> Response:
    """What a link in a mail leads to. Programs open links too: a person confirms."""
    return answer(request, "news_confirm", done="")


@router.post("/{identifier}/{code}", dependencies=[Depends(find_viewer)])
async def post_confirmation(identifier: str, code: str, request: Request, service: Gateway) -> Response:
    """Who has the address wants news."""
    form_of(await read_form(request))
    who = client_of(request)
    service.limits.check("invitation", who)
    try:
        with service.database.write() as connection:
            done = confirm_channel(connection, identifier, code)
    except GatewayError:
        service.limits.count("invitation", who)
        raise
    return answer(request, "news_confirm", done=done)

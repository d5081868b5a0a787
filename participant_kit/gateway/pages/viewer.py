"""Who looks at a page: sessions in cookies, and forms that no other site can send."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse

from participant_kit.gateway.accounts import Caller
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.pages.address import public_address, root_path
from participant_kit.gateway.pages.form import Form
from participant_kit.gateway.service import Service
from participant_kit.gateway.sessions import (
    LONGEST,
    begin_session,
    end_session,
    find_session,
    form_token,
    is_form_token,
    note_session,
)

LONGEST_FORM = 256 << 10
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x7e]*")


class LoginNeeded(Exception):
    """A page is for somebody who is logged in."""


def is_secure(request: Request) -> bool:
    """Whether browsers reach the gateway by TLS."""
    return public_address(request).startswith("https:")


def cookie_name(request: Request) -> str:
    """By TLS one that no other host can set."""
    return "__Host-pkit" if is_secure(request) else "pkit"


async def find_viewer(request: Request) -> None:
    """Let ``request.state`` say who looks: ``viewer``, ``form`` for forms, ``refusal`` for who is paused."""
    state = request.state
    state.viewer, state.form, state.refusal = None, "", None
    secret = request.cookies.get(cookie_name(request), "")
    if not secret:
        return
    service: Service = request.app.state.service
    try:
        found = await run_in_threadpool(_look, service, secret)
    except GatewayError as error:
        state.refusal = error
        return
    if found is not None:
        state.viewer, state.account, state.form = found, found.person, form_token(secret)


def _look(service: Service, secret: str) -> Caller | None:
    with service.database.read() as connection:
        found = find_session(connection, secret)
    if found is None:
        return None
    caller, note = found
    if note:
        with service.database.write() as connection:
            note_session(connection, secret)
    return caller


async def _somebody(request: Request, _: Annotated[None, Depends(find_viewer)]) -> Caller:
    if request.state.refusal is not None:
        raise request.state.refusal
    viewer: Caller | None = request.state.viewer
    if viewer is None:
        raise LoginNeeded if request.method == "GET" else _ended()
    return viewer


Viewer = Annotated[Caller, Depends(_somebody)]


async def _organizer(viewer: Viewer) -> Caller:
    if viewer.role != "organizer":  # as if it were not there
        raise GatewayError(404, "http_404", "There is nothing at this address.")
    return viewer


Organizer = Annotated[Caller, Depends(_organizer)]


async def read_form(request: Request, longest: int = LONGEST_FORM) -> FormData:
    """What was sent, from a page of this gateway. Raises :class:`GatewayError`."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    own = urlsplit(public_address(request))
    if origin != f"{own.scheme}://{own.netloc}" and (origin is not None or site != "same-origin"):
        raise _foreign()
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > longest:
        raise GatewayError(413, "too_large", f"A form is at most {longest >> 10} KiB long.", hint="Send less.")
    try:
        form = await request.form(max_files=1, max_fields=200, max_part_size=LONGEST_FORM)
    except Exception as error:  # starlette has its own for what cannot be read
        raise GatewayError(400, "form", "The form cannot be read.", hint="Go back and send it again.") from error
    return form


async def check_form(request: Request, longest: int = LONGEST_FORM) -> tuple[FormData, Form]:
    """What a session sent, and the text in it. Raises :class:`GatewayError` unless the form is one of this session."""
    sent = await read_form(request, longest)
    secret = request.cookies.get(cookie_name(request), "")
    if not secret or request.state.viewer is None:
        raise _ended()
    if not is_form_token(secret, str(sent.get("form", ""))):
        raise _foreign()
    return sent, form_of(sent)


async def _form(request: Request, _: Annotated[None, Depends(find_viewer)]) -> Form:
    return (await check_form(request))[1]


def form_of(sent: FormData) -> Form:
    """The text in it."""
    return Form({name: value for name, value in sent.items() if not isinstance(value, UploadFile)})


SentForm = Annotated[Form, Depends(_form)]
"""A form of the session that sends it."""


def _ended() -> GatewayError:
    hint = "Log in in another tab, come back here and send it again: what you typed is still there."
    return GatewayError(401, "session_ended", "Your session has ended.", hint=hint)


def _foreign() -> GatewayError:
    hint = "Nothing was changed. Go back, load the page again, and send it once more."
    return GatewayError(403, "foreign_form", "This form is not of this session.", hint=hint)


def go(request: Request, path: str) -> Response:
    """To another page, after something was done."""
    return RedirectResponse(root_path(request) + path, 303, {"Cache-Control": "no-store"})


def local_path(given: str) -> str:
    """``given`` if it is a path of this gateway, else the first page."""
    return given if _LOCAL.fullmatch(given) else "/"


async def to_login(request: Request, error: Exception) -> Response:
    """Where who is not logged in is sent."""
    path = request.url.path.removeprefix(root_path(request))
    if request.url.query:
        path += f"?{request.url.query}"
    return go(request, f"/login?next={quote(local_path(path), safe='/')}")


def log_in(request: Request, service: Service, person: str, path: str) -> Response:
    """Begin a session: with a new secret, whatever cookie was sent."""
    before = request.cookies.get(cookie_name(request), "")
    with service.database.write() as connection:
        if before:
            end_session(connection, before)
        secret = begin_session(connection, person)
    response = go(request, local_path(path))
    set_cookie(request, response, secret)
    return response


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """For this host alone, and not for scripts."""
    response.set_cookie(
        cookie_name(request), secret, int(LONGEST), secure=is_secure(request), httponly=True, samesite="lax"
    )


def client_of(request: Request) -> str:
    """The address that limits are counted for; of version 6 the network of 64 bits, of which one person has all."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.IPv6Network((address, 64), strict=False))

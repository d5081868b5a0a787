"""Around every request: its name, its time, its line in the log, its span; and none that is begun while draining."""

from __future__ import annotations

import logging
import re
import time
import traceback
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from participant_kit.gateway.metrics import REQUESTS, count_error
from participant_kit.gateway.pages import page
from participant_kit.gateway.service import Service
from participant_kit.protocol.identifiers import is_identifier
from participant_kit.protocol.messages import API_PREFIX, Problem
from participant_kit.protocol.spans import span

_log = logging.getLogger(__name__)
_WELL_FORMED = re.compile(rb"[A-Za-z0-9_-]{8,64}")
_PROBES = ("/healthz", "/readyz")


class Watch:
    """Passes requests on to ``app``. What it says of one: route, status, milliseconds, account; no text that was sent.

    ``X-Request-ID`` is taken from the request if it is 8 to 64 letters, digits, ``-`` or ``_``, and made otherwise.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request, status, began = _request_id(scope), 0, time.perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*self._headers(scope, message["headers"]), (b"x-request-id", request.encode())]
            await send(message)

        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:  # PostgreSQL has no text with it
            nothing = problem(scope, 404, Problem(code="http_404", message="There is nothing at this address."))
            return await nothing(scope, receive, send)
        app = _draining if self._service.draining and scope["path"] not in _PROBES else self._app
        self._service.at_work += 1
        with span(scope["method"]) as begun:
            try:
                await app(scope, receive, answer)
            except Exception as error:  # goes no further: its text may quote what was sent
                _say_fault(error, scope, request)
                if not status:
                    hint = "Tell the organizer what you did and when."
                    failed = problem(scope, 500, Problem(code="internal", message="The gateway failed.", hint=hint))
                    await failed(scope, receive, answer)
            finally:
                self._service.at_work -= 1
                self._record(scope, request, status, time.perf_counter() - began, begun)

    def _headers(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        stored = [] if any(name == b"cache-control" for name, _ in headers) else [(b"cache-control", b"no-store")]
        by_tls = scope["scheme"] == "https" or (self._service.settings.address or "").startswith("https:")
        kept = [(b"strict-transport-security", b"max-age=31536000")] if by_tls else []
        return [*headers, (b"x-content-type-options", b"nosniff"), *stored, *kept]

    def _record(self, scope: Scope, request: str, status: int, seconds: float, begun: Any) -> None:
        method, route = _method(scope), route_of(scope)
        REQUESTS.labels(method, route, status).observe(seconds)
        said = {"request": request, "method": method, "route": route, "status": status}
        if begun:
            begun.update_name(f"{method} {route}")
            names = {"method": "http.request.method", "route": "http.route", "status": "http.response.status_code"}
            begun.set_attributes({names.get(key, "pkit.request"): value for key, value in said.items()})
        if _log.isEnabledFor(logging.INFO):
            submission = scope.get("path_params", {}).get("identifier", "")
            if is_identifier(submission):
                said["submission"] = submission
            if account := scope.get("state", {}).get("account"):
                said["account"] = account
            _log.info("request", extra=said | {"milliseconds": round(seconds * 1000, 1)})


def route_of(scope: Scope) -> str:
    """The template of the address, in which no identifier is; ``other`` for what no route answers."""
    template: str = getattr(scope.get("route"), "path", "other")
    inside = scope["path"].startswith(API_PREFIX) and not template.startswith(API_PREFIX)
    return API_PREFIX + template if inside and template != "other" else template


def problem(scope: Scope, status: int, content: Problem, *, retry_after: int | None = None) -> Response:
    """The answer to what is not granted: a page for a person, JSON for a program."""
    request = Request(scope)
    if page.wants_page(request):
        response = page.answer(request, "error", status, number=status, message=content.message, hint=content.hint)
    else:
        response = JSONResponse(content.model_dump(), status_code=status)
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


async def _draining(scope: Scope, receive: Receive, send: Send) -> None:
    hint = "Nothing was changed. Try again in a moment."
    content = Problem(code="draining", message="The gateway is about to stop.", hint=hint)
    refusal = problem(scope, 503, content, retry_after=5)
    refusal.headers["Connection"] = "close"
    await refusal(scope, receive, send)


def _request_id(scope: Scope) -> str:
    sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return sent.decode() if _WELL_FORMED.fullmatch(sent) else uuid4().hex


def _method(scope: Scope) -> str:
    """One of the known: a client chooses the word, and each would be another line of the metrics."""
    method: str = scope["method"]
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"


def _say_fault(error: Exception, scope: Scope, request: str) -> None:
    count_error(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    method, route, name = _method(scope), route_of(scope), type(error).__name__
    _log.error("%s %s failed: %s in %s, request %s", method, route, name, where, request)

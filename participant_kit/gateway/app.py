"""The gateway's ASGI application."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from sqlalchemy import exists, select
from sqlalchemy.exc import OperationalError, TimeoutError
from starlette.exceptions import HTTPException

from participant_kit import __version__
from participant_kit.challenge.errors import KitError
from participant_kit.gateway.blobs import StoreError, disk_full, open_blobs
from participant_kit.gateway.courier import Courier
from participant_kit.gateway.database import Database
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.metrics import count_error
from participant_kit.gateway.pages import (
    account,
    asset,
    board,
    challenge,
    feed,
    invitation,
    login,
    news,
    provider,
    receipt,
)
from participant_kit.gateway.pages import submissions as own_submissions
from participant_kit.gateway.pages.desk import ROUTERS as DESK
from participant_kit.gateway.pages.page import wants_page
from participant_kit.gateway.pages.viewer import LoginNeeded, find_viewer, to_login
from participant_kit.gateway.publish import DRAFTS
from participant_kit.gateway.routes import challenges, hub, runners, server, submissions
from participant_kit.gateway.service import Gateway, Service
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.submissions import SEALED
from participant_kit.gateway.tables import results
from participant_kit.gateway.tables import submissions as submissions_table
from participant_kit.gateway.watch import Watch, problem
from participant_kit.protocol.messages import API_PREFIX, Problem
from participant_kit.protocol.states import FINAL, State

_log = logging.getLogger(__name__)
AGAIN = 30 * 86400.0
"""Seconds for which the notebook of a lost run is kept, so that an organizer can have it run again."""
_SILENT: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own telemetry has the text of exceptions, and the environment can turn it on; ours is in Watch."""


def create_app(settings: Settings) -> FastAPI:
    """The application over the data in ``settings.data``, its database migrated and what a crash left swept."""
    service = Service(settings, Database(settings), open_blobs(settings))
    _sweep(service)
    courier = Courier(settings, service.database)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        service.bell.open(service.database.tells)
        courier.start()
        yield
        await run_in_threadpool(courier.stop)
        service.bell.close()
        service.database.close()

    app = FastAPI(
        title="participant-kit gateway",
        version=__version__,
        lifespan=life,
        redirect_slashes=False,  # it would lead to whatever host the request names
        telemetry=_SILENT,
        responses={
            "4XX": {"model": Problem, "description": "What is wrong, and what to do next."},
            503: {
                "model": Problem,
                "description": "The database, or the store of blobs, is busy; nothing was changed.",
            },
            507: {"model": Problem, "description": "The disk is full; nothing was stored."},
        },
    )
    app.state.service = service
    for router in (submissions.router, runners.router, challenges.router, server.router, hub.router):  # the busy first
        app.include_router(router, prefix=API_PREFIX)
    app.get("/healthz", include_in_schema=False)(_healthz)
    app.get("/readyz", include_in_schema=False)(_readyz)
    app.include_router(asset.router)
    for own in (
        login.router,
        provider.router,
        invitation.router,
        account.router,
        news.router,
        own_submissions.router,
        *DESK,
    ):
        app.include_router(own)
    for public in (board.router, receipt.router, feed.router, challenge.router):
        app.include_router(public, dependencies=[Depends(find_viewer)])
    app.add_middleware(Watch, service=service)
    app.exception_handler(LoginNeeded)(to_login)
    app.exception_handler(GatewayError)(_refuse)
    app.exception_handler(KitError)(_refuse)
    app.exception_handler(RequestValidationError)(_refuse_form)
    app.exception_handler(HTTPException)(_refuse_path)
    for error in (OperationalError, TimeoutError):
        app.exception_handler(error)(_refuse_database)
    app.exception_handler(StoreError)(_refuse_store)
    return app


def _sweep(service: Service) -> None:
    """Remove sealed notebooks that nobody needs: neither is the submission open, nor can it be run again."""
    column = submissions_table.c
    is_open = column.state.not_in([state.value for state in FINAL])
    has_result = exists().where(results.c.submission == column.id)
    lost = (column.state == State.FAILED.value) & (column.updated_at > time.time() - AGAIN) & ~has_result
    with service.database.read() as connection:
        service.blobs.sweep(SEALED, connection.scalars(select(column.sealed).where(is_open | lost)))
    service.blobs.sweep(DRAFTS, ())


def _healthz() -> dict[str, str]:
    return {"status": "ok"}


def _readyz(service: Gateway) -> dict[str, str]:
    service.readiness.check()
    return {"status": "ready"}


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, KitError)  # noqa: S101 - it is registered for this kind alone
    count_error(error)
    status = error.status if isinstance(error, GatewayError) else 422
    return problem(request.scope, status, Problem(code=error.code, message=error.message, hint=error.hint))


async def _refuse_form(request: Request, error: Exception) -> Response:
    details = error.errors() if isinstance(error, RequestValidationError) else []
    # the values themselves are left out: one of them may be a token
    said = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in details)
    content = Problem(code="request", message=f"The request is not what it should be: {said}.")
    return problem(request.scope, 422, content)


async def _refuse_path(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    looks = status == 404 and request.method == "GET" and wants_page(request)
    # a route of its own would match every word
    if looks and (short := await run_in_threadpool(challenge.find_short, request)):
        return short
    messages = {
        400: "The body of the request cannot be read.",
        404: "There is nothing at this address.",
        405: "This address does not take that method.",
    }
    described = f"The interface is described at {API_PREFIX.rpartition('/')[0]}, and in /docs."
    hint, message = "" if wants_page(request) else described, messages.get(status, "Not granted.")
    return problem(request.scope, status, Problem(code=f"http_{status}", message=message, hint=hint))


async def _refuse_database(request: Request, error: Exception) -> Response:
    if any(words in str(getattr(error, "orig", error)) for words in ("disk is full", "No space left")):
        return await _refuse(request, disk_full())
    count_error(error)
    _log.error("The database did not answer: %s", type(getattr(error, "orig", error)).__name__)
    return _busy(request, "The gateway's database is busy.")


async def _refuse_store(request: Request, error: Exception) -> Response:
    count_error(error)
    _log.error("The store of blobs did not answer: %s", error)
    return _busy(request, "The gateway cannot use its store of blobs now.")


def _busy(request: Request, message: str) -> Response:
    hint = "Nothing was changed. Try again in a moment."
    return problem(request.scope, 503, Problem(code="busy", message=message, hint=hint), retry_after=5)

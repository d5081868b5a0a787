"""What every request of one gateway process shares, and who may do what."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Connection

from participant_kit.gateway.accounts import Caller, find_account
from participant_kit.gateway.bell import Bell
from participant_kit.gateway.blobs import Blobs
from participant_kit.gateway.database import Database
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.identities import Elsewhere
from participant_kit.gateway.leaderboard import BoardPage
from participant_kit.gateway.limits import Limits
from participant_kit.gateway.openid import read_provider
from participant_kit.gateway.pages.page import Pages
from participant_kit.gateway.readiness import Readiness
from participant_kit.gateway.settings import Settings
from participant_kit.protocol.messages import AccountRole


@dataclass
class Service:
    """One process of the gateway. ``boards`` holds the first page of leaderboards by challenge and phase,
    ``runners`` when each was noted last.

    ``at_work`` counts the requests that are being answered; once ``draining``, no other is begun.
    """

    settings: Settings
    database: Database
    blobs: Blobs
    bell: Bell = field(default_factory=Bell)
    boards: dict[tuple[str, str], BoardPage] = field(default_factory=dict)
    runners: dict[tuple[str, str], float] = field(default_factory=dict)
    pages: Pages = field(default_factory=Pages)
    at_work: int = 0
    draining: bool = False

    def __post_init__(self) -> None:
        self.readiness, self.limits = Readiness(self), Limits()
        self.providers: dict[str, Elsewhere] = {}
        if self.settings.openid:
            self.providers["openid"] = read_provider(self.settings.openid)
        if self.settings.hub and self.settings.hub.public:
            self.providers["hub"] = self.settings.hub

    def drain(self) -> None:
        """Begin nothing more, and let every request that waits for a change answer now."""
        self.draining = True
        self.bell.close()


async def get_service(request: Request) -> Service:
    """The service of this process. Not a plain function, which would be given a thread for nothing."""
    service: Service = request.app.state.service
    return service


Gateway = Annotated[Service, Depends(get_service)]

_bearer = HTTPBearer(auto_error=False, description="A token from `pkit gateway token` or an invitation.")

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def get_account(request: Request, service: Gateway, credentials: Credentials) -> Caller:
    """Whose request it is. Raises :class:`GatewayError` (401)."""
    with service.database.read() as connection:
        return identify(connection, request, credentials)


def identify(connection: Connection, request: Request, credentials: Credentials) -> Caller:
    """Whose request it is. Raises :class:`GatewayError` (401)."""
    if credentials is None:
        hint = "Log in first: pkit login GATEWAY"
        raise GatewayError(401, "token_missing", "This needs a token.", hint=hint)
    account = find_account(connection, credentials.credentials)
    request.state.account = account.person  # for the log
    return account


def allow(account: Caller, *roles: AccountRole) -> Caller:
    """``account``, if it has one of ``roles``. Raises :class:`GatewayError` (403)."""
    if account.role not in roles:
        message = f"{account.person} is {account.role}; this is for: {', '.join(roles)}."
        raise GatewayError(403, "role", message, hint="Use a token of that role.")
    return account


async def get_viewer(request: Request, service: Gateway, credentials: Credentials) -> Caller | None:
    """Who looks at a page, which everybody may: of a token, else of a session, else nobody."""
    viewer: Caller | None = getattr(request.state, "viewer", None)
    if credentials is not None:
        with contextlib.suppress(GatewayError):
            viewer = await run_in_threadpool(get_account, request, service, credentials)
    request.state.viewer = viewer
    return viewer


AnyAccount = Annotated[Caller, Depends(get_account)]


def _only(*roles: AccountRole) -> Callable[[AnyAccount], Awaitable[Caller]]:
    async def check(account: AnyAccount) -> Caller:
        return allow(account, *roles)

    return check


Participant = Annotated[Caller, Depends(_only("participant"))]
Organizer = Annotated[Caller, Depends(_only("organizer"))]
AnyRunner = Annotated[Caller, Depends(_only("runner", "rehearsal"))]
BlindRunner = Annotated[Caller, Depends(_only("runner"))]
RehearsalRunner = Annotated[Caller, Depends(_only("rehearsal"))]

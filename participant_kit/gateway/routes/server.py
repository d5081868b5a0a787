"""The server itself, and who is let in."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter

from participant_kit import __version__
from participant_kit.gateway.accounts import add_account
from participant_kit.gateway.service import AnyAccount, Gateway, Organizer
from participant_kit.protocol.messages import Account, NewAccount, NewToken, ServerInfo

router = APIRouter(tags=["server"])


@router.get("/")
def get_server() -> ServerInfo:
    """Which server this is, and its clock."""
    return ServerInfo(version=__version__, now=datetime.now(UTC))


@router.get("/me")
def get_me(account: AnyAccount) -> Account:
    """Who the token belongs to."""
    return account


@router.post("/accounts", status_code=201)
def post_account(new: NewAccount, service: Gateway, organizer: Organizer) -> NewToken:
    """Let somebody in, or give them another token. The token is shown this once."""
    with service.database.write() as connection:
        return add_account(connection, new, organizer.person)

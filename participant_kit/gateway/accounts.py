"""Accounts and their tokens. A token is shown once; what is kept is its SHA-256."""

from __future__ import annotations

import hashlib
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, bindparam, insert, select

from participant_kit.gateway.database import Database, insert_missing
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.tables import accounts, tokens
from participant_kit.protocol.messages import Account, AccountRole, NewAccount, NewToken

_of_token = (
    select(accounts.c.name, accounts.c.role, tokens.c.expires_at)
    .join(accounts, accounts.c.name == tokens.c.account)
    .where(tokens.c.sha256 == bindparam("sha256"))
)


def hash_token(token: str) -> str:
    """What is stored of a token. Tokens are random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def add_account(connection: Connection, new: NewAccount) -> NewToken:
    """A token for ``new``; an account of that name and role may exist. Raises :class:`GatewayError` otherwise."""
    now = time.time()
    insert_missing(connection, accounts, name=new.name, role=new.role, created_at=now, revision=0)
    role = connection.scalar(select(accounts.c.role).where(accounts.c.name == new.name))
    if role != new.role:
        raise GatewayError(
            409, "account_exists", f"{new.name} exists with the role {role}.", hint="Choose another name or that role."
        )
    token = f"pkit_{secrets.token_urlsafe(32)}"
    expires = now + new.valid_days * 86400 if new.valid_days else None
    connection.execute(insert(tokens).values(sha256=hash_token(token), account=new.name, expires_at=expires))
    moment = datetime.fromtimestamp(expires, UTC) if expires else None
    return NewToken(name=new.name, role=new.role, token=token, expires_at=moment)


def create_token(
    data: Path, name: str, role: AccountRole, valid_days: int | None = 365, database: str | None = None
) -> str:
    """A new token in the gateway whose data is in ``data``; works while the gateway runs."""
    opened = Database(Settings(data, database))
    try:
        with opened.write() as connection:
            return add_account(connection, NewAccount(name=name, role=role, valid_days=valid_days)).token
    finally:
        opened.close()


def find_account(connection: Connection, token: str) -> Account:
    """Whose ``token`` it is. Raises :class:`GatewayError` (401) for an unknown or expired one."""
    found = connection.execute(_of_token, {"sha256": hash_token(token)}).one_or_none()
    if found is None:
        hint = "Log in again with the token that the organizer gave you: pkit login GATEWAY"
        raise GatewayError(401, "token_unknown", "This gateway does not know your token.", hint=hint)
    if found.expires_at is not None and found.expires_at < time.time():
        when = datetime.fromtimestamp(found.expires_at, UTC)
        hint = "Ask the organizer for a new one, then: pkit login GATEWAY"
        raise GatewayError(401, "token_expired", f"Your token expired on {when:%Y-%m-%d %H:%M} UTC.", hint=hint)
    return Account(name=found.name, role=found.role)

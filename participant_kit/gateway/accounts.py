"""Accounts and their tokens. A token is shown once; what is kept is its SHA-256. There are no passwords."""

from __future__ import annotations

import hashlib
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, update

from participant_kit.gateway.audit import GATEWAY, OPERATOR, record
from participant_kit.gateway.database import Database, insert_missing
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.tables import accounts, sessions, tokens
from participant_kit.protocol.messages import Account, AccountRole, NewAccount, NewToken

REMEMBERED = 30 * 86400.0
"""Seconds for which a token that has ended is known as such, at least."""
ALIKE = {"I": "l", "1": "l", "0": "o", "rn": "m", "vv": "w"}
"""What looks alike of the letters that names are made of."""
_team = accounts.alias("team")
whose = select(
    accounts.c.name,
    accounts.c.role,
    accounts.c.state,
    accounts.c.is_team,
    _team.c.name.label("team"),
    _team.c.state.label("team_state"),
).outerjoin(_team, accounts.c.team == _team.c.name)
"""An account and its team. Built once, as it is asked by every request."""
_of_token = (
    whose.add_columns(tokens.c.expires_at)
    .join(tokens, accounts.c.name == tokens.c.account)
    .where(tokens.c.sha256 == bindparam("sha256"))
)


class Caller(Account):
    """Who asks. ``name`` is the participant that all others see: the person's team, or else ``person``."""

    person: str


def hash_token(token: str) -> str:
    """What is stored of a token. Tokens are random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def add_account(connection: Connection, new: NewAccount, by: str) -> NewToken:
    """A token for ``new``; an account of that name and role may exist. Raises :class:`GatewayError` otherwise."""
    if is_reserved(new.name):
        message = f"{new.name} looks like a name that the audit log has for the command line or the gateway."
        raise GatewayError(409, "account_exists", message, hint="Choose another name.")
    now = time.time()
    insert_missing(connection, accounts, name=new.name, role=new.role, created_at=now, revision=0)
    known = connection.execute(select(accounts.c.role, accounts.c.is_team).where(accounts.c.name == new.name)).one()
    if known.is_team or known.role != new.role:
        what = "as a team" if known.is_team else f"with the role {known.role}"
        hint = "Choose another name." if known.is_team else "Choose another name or that role."
        raise GatewayError(409, "account_exists", f"{new.name} exists {what}.", hint=hint)
    record(connection, by, "token", new.name, role=new.role, valid_days=new.valid_days)
    return add_token(connection, new.name, new.role, new.valid_days)


def add_token(connection: Connection, name: str, role: AccountRole, valid_days: int | None = 365) -> NewToken:
    """Another token of an account that exists."""
    token = f"pkit_{secrets.token_urlsafe(32)}"
    expires = time.time() + valid_days * 86400 if valid_days else None
    connection.execute(insert(tokens).values(sha256=hash_token(token), account=name, expires_at=expires))
    moment = datetime.fromtimestamp(expires, UTC) if expires else None
    return NewToken(name=name, role=role, token=token, expires_at=moment)


def create_token(
    data: Path, name: str, role: AccountRole, valid_days: int | None = 365, database: str | None = None
) -> str:
    """A new token in the gateway whose data is in ``data``; works while the gateway runs."""
    opened = Database(Settings(data, database))
    try:
        with opened.write() as connection:
            return add_account(connection, NewAccount(name=name, role=role, valid_days=valid_days), OPERATOR).token
    finally:
        opened.close()


def list_tokens(connection: Connection, name: str) -> list[datetime | None]:
    """Until when each token of ``name`` holds; None is for ever. Those that have expired are not told."""
    holds = tokens.c.expires_at.is_(None) | (tokens.c.expires_at > time.time())
    query = select(tokens.c.expires_at).where(tokens.c.account == name, holds).order_by(tokens.c.expires_at)
    return [datetime.fromtimestamp(moment, UTC) if moment else None for moment in connection.scalars(query)]


def end_tokens(connection: Connection, name: str) -> None:
    """Let no token of ``name`` hold any more."""
    now, mine = time.time(), tokens.c.account == name
    holds = tokens.c.expires_at.is_(None) | (tokens.c.expires_at > now)
    connection.execute(update(tokens).where(mine, holds).values(expires_at=now))


def remove_expired(connection: Connection, name: str) -> None:
    """Forget the tokens of ``name`` that ended long ago."""
    connection.execute(delete(tokens).where(tokens.c.account == name, tokens.c.expires_at < time.time() - REMEMBERED))


def find_owner(connection: Connection, token: str) -> str | None:
    """Whose ``token`` it is or, if it has ended, was."""
    return connection.scalar(select(tokens.c.account).where(tokens.c.sha256 == hash_token(token)))


def find_account(connection: Connection, token: str) -> Caller:
    """Whose ``token`` it is. Raises :class:`GatewayError`: 401 if it is unknown or has expired; see :func:`admit`."""
    found = connection.execute(_of_token, {"sha256": hash_token(token)}).one_or_none()
    if found is None:
        hint = "Log in again with the token that the organizer gave you: pkit login GATEWAY"
        raise GatewayError(401, "token_unknown", "This gateway does not know your token.", hint=hint)
    if found.expires_at is not None and found.expires_at <= time.time():
        when = datetime.fromtimestamp(found.expires_at, UTC)
        hint = "Ask the organizer for a new one, then: pkit login GATEWAY"
        raise GatewayError(401, "token_expired", f"Your token expired on {when:%Y-%m-%d %H:%M} UTC.", hint=hint)
    return admit(found)


def find_person(connection: Connection, name: str) -> Caller:
    """Somebody whom another has identified; see :func:`admit`."""
    return admit(connection.execute(whose.where(accounts.c.name == name)).one())


def admit(found: Any) -> Caller:
    """The caller in a row of :data:`whose`. Raises :class:`GatewayError` (403) for who is paused or not yet let in."""
    if found.state == "waiting":
        hint = "Try again once an organizer has let you in."
        raise GatewayError(403, "waiting", f"{found.name} waits for an organizer's approval.", hint=hint)
    for name, state in ((found.name, found.state), (found.team, found.team_state)):
        if state == "paused":
            raise GatewayError(403, "paused", f"An organizer has paused {name}.", hint="Ask the organizer why.")
    return Caller(name=found.team or found.name, role=found.role, person=found.name)


def is_taken(connection: Connection, name: str) -> bool:
    """Whether somebody has that name, in whichever letters, or one that looks like it."""
    if is_reserved(name):
        return True
    look: Any = accounts.c.name
    for letters, alike in ALIKE.items():
        look = func.replace(look, letters, alike)
    same = (func.lower(accounts.c.name) == name.lower()) | (func.lower(look) == _look(name))
    return bool(connection.scalar(select(exists().where(same))))


def check_free(connection: Connection, name: str) -> None:
    """Raise :class:`GatewayError` (409) if ``name`` is taken."""
    if is_taken(connection, name):
        message = f"{name} is taken, or looks like a name that is."
        raise GatewayError(409, "name_taken", message, hint="Choose another name.")


def is_reserved(name: str) -> bool:
    """Whether it looks like one of those that act in the audit log and never log in."""
    return bool({name.lower(), _look(name)} & {OPERATOR, GATEWAY})


def _look(name: str) -> str:
    for letters, alike in ALIKE.items():
        name = name.replace(letters, alike)
    return name.lower()


def set_state(connection: Connection, name: str, state: str, by: str, seen: str = "") -> None:
    """Approve (``active``) or pause somebody or a team. Raises :class:`GatewayError`: 409 unless it is as ``seen``."""
    row = connection.execute(select(accounts).where(accounts.c.name == name).with_for_update()).one_or_none()
    if row is None:
        raise GatewayError(
            404, "account_unknown", f"There is no account {name!r}.", hint="See the list of participants."
        )
    if name == by:
        raise GatewayError(409, "own_account", "Nobody pauses themselves.", hint="Ask another organizer.")
    if seen not in ("", row.state, state):
        message = f"Another organizer has changed {name} meanwhile: it is {row.state} now, and was {seen}."
        raise GatewayError(409, "changed_meanwhile", message, hint="Nothing was done. Decide on what is there now.")
    if row.state != state:
        connection.execute(update(accounts).where(accounts.c.name == name).values(state=state))
        act = "pause" if state == "paused" else "approve" if row.state == "waiting" else "resume"
        record(connection, by, act, name)
    if state == "paused":
        connection.execute(delete(sessions).where(sessions.c.account == name))

"""Sessions of browsers. The cookie is a secret of its own, made anew at each login; what is kept is its SHA-256."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

from sqlalchemy import Connection, bindparam, delete, insert, update

from participant_kit.gateway.accounts import Caller, admit, hash_token, whose
from participant_kit.gateway.tables import accounts, sessions

IDLE, LONGEST = 12 * 3600.0, 7 * 86400.0
"""Seconds after which a session ends: without a request, and in any case."""
NOTED = 300.0
"""Seconds in which not every request is noted."""
_of_cookie = (
    whose.add_columns(sessions.c.created_at, sessions.c.seen_at)
    .join(sessions, accounts.c.name == sessions.c.account)
    .where(sessions.c.sha256 == bindparam("sha256"))
)


def begin_session(connection: Connection, person: str) -> str:
    """The secret of a new session; those that have ended are removed."""
    now, secret = time.time(), secrets.token_urlsafe(32)
    ended = (sessions.c.seen_at < now - IDLE) | (sessions.c.created_at < now - LONGEST)
    connection.execute(delete(sessions).where(ended))
    connection.execute(insert(sessions).values(sha256=hash_token(secret), account=person, created_at=now, seen_at=now))
    return secret


def find_session(connection: Connection, secret: str) -> tuple[Caller, bool] | None:
    """Whose it is, and whether it is time to note it; None when it has ended.

    Raises :class:`~participant_kit.gateway.errors.GatewayError` (403) for who is paused or waits.
    """
    found = connection.execute(_of_cookie, {"sha256": hash_token(secret)}).one_or_none()
    now = time.time()
    if found is None or found.seen_at < now - IDLE or found.created_at < now - LONGEST:
        return None
    return admit(found), found.seen_at < now - NOTED


def note_session(connection: Connection, secret: str) -> None:
    """Let it live on: it was used just now."""
    connection.execute(update(sessions).where(sessions.c.sha256 == hash_token(secret)).values(seen_at=time.time()))


def end_session(connection: Connection, secret: str) -> None:
    """Log out."""
    connection.execute(delete(sessions).where(sessions.c.sha256 == hash_token(secret)))


def end_others(connection: Connection, person: str, secret: str) -> None:
    """End every session of ``person`` but this one."""
    others = (sessions.c.account == person) & (sessions.c.sha256 != hash_token(secret))
    connection.execute(delete(sessions).where(others))


def form_token(secret: str) -> str:
    """What every form of a session carries, and no other site can know."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


def is_form_token(secret: str, given: str) -> bool:
    """Whether a form is of that session."""
    return hmac.compare_digest(form_token(secret).encode(), given.encode())

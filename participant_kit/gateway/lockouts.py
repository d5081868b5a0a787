"""Logging in to an account is locked for an address from which tokens that have ended are tried again and again.

A token names an account only if it was one of its own once, so nobody can have a stranger locked out; and nobody who
has found an old one can lock its owner out, for whom another address holds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, select, update

from participant_kit.gateway.audit import GATEWAY, record
from participant_kit.gateway.database import insert_missing
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.tables import lockouts

MOST, WITHIN, LOCKED = 5, 900.0, 900.0
"""So many failures in so many seconds lock it for so many."""
KEPT = 86400.0
"""Seconds after which an address is forgotten."""


def check_lockout(connection: Connection, account: str, address: str) -> None:
    """Raise :class:`GatewayError` (429) while it is locked."""
    mine = (lockouts.c.account == account) & (lockouts.c.address == address)
    until = connection.scalar(select(lockouts.c.until).where(mine))
    if until is not None and until > time.time():
        minutes = max(1, round((until - time.time()) / 60))
        message = "Tokens of this account that have ended were tried too often from your address."
        hint = f"Try again in {minutes} minute{'s' if minutes > 1 else ''}, or ask an organizer."
        raise GatewayError(429, "locked", message, hint=hint)


def count_failure(connection: Connection, account: str, address: str) -> None:
    """One more token that has ended was tried; the last one of too many locks."""
    now, mine = time.time(), (lockouts.c.account == account) & (lockouts.c.address == address)
    connection.execute(delete(lockouts).where(lockouts.c.since < now - KEPT))
    insert_missing(connection, lockouts, account=account, address=address, failures=0, since=now)
    row = connection.execute(select(lockouts).where(mine).with_for_update()).one()
    if (row.until or row.since + WITHIN) < now:
        failures, since = 1, now
    else:
        failures, since = row.failures + 1, row.since
    until = now + LOCKED if failures >= MOST else None
    connection.execute(update(lockouts).where(mine).values(failures=failures, since=since, until=until))
    if failures == MOST:
        record(connection, GATEWAY, "lock login", account, tried=failures, minutes=round(LOCKED / 60))


def list_lockouts(connection: Connection) -> Sequence[Any]:
    """What is locked now, the latest first."""
    query = select(lockouts).where(lockouts.c.until > time.time())
    return connection.execute(query.order_by(lockouts.c.until.desc())).all()


def lift_lockouts(connection: Connection, account: str, by: str) -> None:
    """Let ``account`` log in from everywhere again."""
    if connection.execute(delete(lockouts).where(lockouts.c.account == account)).rowcount:
        record(connection, by, "unlock login", account)

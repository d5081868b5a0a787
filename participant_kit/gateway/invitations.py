"""Invitations by link: so many people, until a day, into a team or alone. What is kept of the link is a hash."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, tuple_, update

from participant_kit.gateway.accounts import check_free, hash_token
from participant_kit.gateway.audit import record
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.tables import accounts, invitations
from participant_kit.gateway.teams import find_team, join_team
from participant_kit.protocol.identifiers import new_identifier

MOST_USES, MOST_DAYS = 1000, 365
PAGE = 50


def make_invitation(
    connection: Connection, by: str, *, uses: int, days: int, approve: bool, team: str | None = None, note: str = ""
) -> str:
    """The code that stands in the link; it is shown this once."""
    if team is not None:
        find_team(connection, team)
    now, code, identifier = time.time(), secrets.token_urlsafe(24), new_identifier()
    values: dict[str, Any] = {
        "id": identifier,
        "sha256": hash_token(code),
        "team": team,
        "approve": approve,
        "uses": uses,
    }
    values |= {"note": note, "created_by": by, "created_at": now, "expires_at": now + days * 86400}
    connection.execute(insert(invitations).values(used=0, **values))
    record(connection, by, "invite", identifier, uses=uses, days=days, approve=approve, team=team, note=note)
    return code


def list_invitations(connection: Connection, before: str = "") -> Sequence[Any]:
    """A page of them, the newest first; those that were made before the invitation ``before``, and one more."""
    moment = (invitations.c.created_at, invitations.c.id)
    query = select(invitations).order_by(*(column.desc() for column in moment)).limit(PAGE + 1)
    if before:
        last = connection.execute(select(*moment).where(invitations.c.id == before)).one_or_none()
        if last is None:
            raise GatewayError(404, "invitation_unknown", "There is no such invitation.", hint="See the list of them.")
        query = query.where(tuple_(*moment) < tuple(last))
    return connection.execute(query).all()


def state_of(invitation: Any) -> str:
    """``open``, or why it is not."""
    if invitation.revoked_at is not None:
        return "revoked"
    if invitation.used >= invitation.uses:
        return "used up"
    return "expired" if invitation.expires_at < time.time() else "open"


def revoke_invitation(connection: Connection, identifier: str, by: str) -> None:
    """Let nobody come by it any more. Who came stays."""
    mine = (invitations.c.id == identifier) & invitations.c.revoked_at.is_(None)
    if connection.execute(update(invitations).where(mine).values(revoked_at=time.time())).rowcount:
        record(connection, by, "revoke invitation", identifier)


def find_invitation(connection: Connection, code: str, *, lock: bool = False) -> Any:
    """The one that ``code`` opens. Raises :class:`GatewayError`: 404, or 410 when it does not hold any more."""
    query = select(invitations).where(invitations.c.sha256 == hash_token(code))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    hint = "Ask who invited you for a new link."
    if row is None:
        raise GatewayError(404, "invitation_unknown", "There is no such invitation.", hint=hint)
    if (state := state_of(row)) != "open":
        raise GatewayError(410, "invitation_over", f"This invitation is {state}.", hint=hint)
    return row


def accept_invitation(connection: Connection, code: str, name: str) -> str:
    """Make the account ``name``, which is a new one; the state that it is in. Raises :class:`GatewayError`."""
    invitation = find_invitation(connection, code, lock=True)
    check_free(connection, name)
    state = "waiting" if invitation.approve else "active"
    values = {"name": name, "role": "participant", "created_at": time.time(), "revision": 0, "state": state}
    connection.execute(insert(accounts).values(is_team=False, **values))
    connection.execute(update(invitations).where(invitations.c.id == invitation.id).values(used=invitations.c.used + 1))
    record(connection, name, "accept invitation", invitation.id)
    if invitation.team is not None:
        join_team(connection, name, invitation.team, name)
    return state

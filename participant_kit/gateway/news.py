"""News: what each participant wants to hear of, and an outbox that is written in the transaction of what happened.

Whatever was committed is told at least once. Who hears it twice knows it by its identifier.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.participations import takes_part
from participant_kit.gateway.tables import accounts, channels, outbox
from participant_kit.protocol.identifiers import new_identifier

EVENTS = {
    "result": "A submission of yours has ended, or was disqualified",
    "phase": "A phase begins or ends of a challenge in which you take part",
    "announcement": "The organizer announces something about such a challenge, or to all",
}
MOST_CHANNELS = 5
"""Of one person."""
CONFIRM, TRY = "confirm", "test"
"""Messages that nobody chooses."""


def add_channel(connection: Connection, person: str, kind: str, address: str, events: Sequence[str]) -> Any:
    """A new way to hear of ``events``. Mail begins once who has the address has opened the link that is sent there."""
    mine = connection.execute(select(channels).where(channels.c.account == person)).all()
    if len(mine) >= MOST_CHANNELS:
        hint = "Remove one that you do not need."
        raise GatewayError(409, "channels", f"A person has at most {MOST_CHANNELS} of them.", hint=hint)
    if any((each.kind, each.address) == (kind, address) for each in mine):
        raise GatewayError(409, "channels", "You have this one already.", hint="Change what it tells you of.")
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}" if kind == "webhook" else _code()
    values: dict[str, Any] = {
        "id": new_identifier(),
        "account": person,
        "kind": kind,
        "address": address,
        "secret": secret,
    }
    values |= {"events": list(events), "confirmed": kind == "webhook", "created_at": time.time()}
    connection.execute(insert(channels).values(values))
    channel = find_channel(connection, person, str(values["id"]))
    if kind == "mail":
        text = f"{person} wants news of challenges to be sent here. If that is you, confirm it on this page."
        _put(connection, [channel], CONFIRM, "Do you want news?", text, {}, f"/account/news/{channel.id}/{secret}")
    return channel


def _code() -> str:
    return secrets.token_urlsafe(24)


def find_channel(connection: Connection, person: str, identifier: str) -> Any:
    """One of ``person``'s own. Raises :class:`GatewayError` (404)."""
    mine = (channels.c.id == identifier) & (channels.c.account == person)
    row = connection.execute(select(channels).where(mine)).one_or_none()
    if row is None:
        raise GatewayError(404, "channel_unknown", "You have no such channel.", hint="See your account.")
    return row


def list_channels(connection: Connection, person: str) -> list[tuple[Any, Sequence[Any]]]:
    """Those of ``person``, each with what was sent lately: the log."""
    mine = connection.execute(select(channels).where(channels.c.account == person).order_by(channels.c.created_at))
    log = select(outbox).order_by(outbox.c.created_at.desc()).limit(10)
    return [(each, connection.execute(log.where(outbox.c.channel == each.id)).all()) for each in mine.all()]


def confirm_channel(connection: Connection, identifier: str, code: str) -> str:
    """Who has the address wants it; the address. Raises :class:`GatewayError` (404)."""
    mine = (channels.c.id == identifier) & (channels.c.kind == "mail")
    row = connection.execute(select(channels).where(mine)).one_or_none()
    if row is None or not secrets.compare_digest(row.secret.encode(), code.encode()):
        raise GatewayError(404, "channel_unknown", "This link is not valid.", hint="Add the address anew.")
    connection.execute(update(channels).where(mine).values(confirmed=True))
    return str(row.address)


def choose_events(connection: Connection, person: str, identifier: str, events: Sequence[str]) -> None:
    """Tell of these from now on."""
    row = find_channel(connection, person, identifier)
    connection.execute(update(channels).where(channels.c.id == row.id).values(events=list(events)))


def remove_channel(connection: Connection, person: str, identifier: str) -> None:
    """Tell nothing any more; what was not sent yet is not sent."""
    row = find_channel(connection, person, identifier)
    connection.execute(delete(outbox).where(outbox.c.channel == row.id))
    connection.execute(delete(channels).where(channels.c.id == row.id))


def send_test(connection: Connection, person: str, identifier: str) -> None:
    """Send something to see whether it comes."""
    row = find_channel(connection, person, identifier)
    _put(connection, [row], TRY, "A test", "This is how news will come.", {}, "/account")


def tell_result(connection: Connection, row: Any, state: str, scores: dict[str, float] | None = None) -> None:
    """Tell the participant, or all of a team, that a submission is in ``state``."""
    people = select(accounts.c.name).where((accounts.c.name == row.participant) | (accounts.c.team == row.participant))
    found = _wanting(connection, "result", channels.c.account.in_(people))
    if not found:
        return
    said = ", ".join(f"{name} {score}" for name, score in (scores or {}).items())
    text = f"Your submission {row.id} to {row.challenge}, {row.phase}, is {state}{f': {said}' if said else ''}."
    data = {"submission": row.id, "challenge": row.challenge, "phase": row.phase, "state": state, "scores": scores}
    _put(connection, found, "result", f"{row.challenge}: {state}", text, data, f"/submissions/{row.id}")


def tell_all(
    connection: Connection, event: str, challenge: str | None, title: str, text: str, data: dict[str, Any]
) -> None:
    """Tell who wants to hear of ``event`` and takes part in ``challenge``; everybody, if it is of none."""
    found = _wanting(connection, event, *([takes_part(challenge)] if challenge else []))
    path = f"/challenges/{challenge}" if challenge else "/"
    _put(connection, found, event, title, text, data | {"challenge": challenge}, path)


def _wanting(connection: Connection, event: str, *which: Any) -> list[Any]:
    query = select(channels).join(accounts, accounts.c.name == channels.c.account)
    rows = connection.execute(query.where(channels.c.confirmed, accounts.c.state == "active", *which))
    return [row for row in rows if event in row.events]


def _put(
    connection: Connection, to: Iterable[Any], event: str, title: str, text: str, data: dict[str, Any], path: str
) -> None:
    now = time.time()
    message = {"title": title, "text": text, "path": path, "data": data}
    message["timestamp"] = datetime.fromtimestamp(now, UTC).isoformat()
    rows = [
        {"id": new_identifier(), "channel": channel.id, "event": event, "message": message, "created_at": now}
        | {"next_at": now, "attempts": 0, "answer": ""}
        for channel in to
    ]
    if rows:
        connection.execute(insert(outbox), rows)

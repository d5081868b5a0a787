"""Published challenges: the card, the public keys and the kit."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from participant_kit.challenge.card import Card
from participant_kit.challenge.document import parse_document
from participant_kit.challenge.folder import CARD, KEYS
from participant_kit.gateway.blobs import Blobs
from participant_kit.gateway.database import insert_missing
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.tables import challenges
from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.keys import KeyRing, Role, parse_key_ring
from participant_kit.protocol.kit import kit_digest, open_kit
from participant_kit.protocol.messages import ChallengeInfo

KITS = "kits"
MAX_REASON = 1000
"""Letters of why a challenge was withdrawn."""
_named = challenges.c.slug == bindparam("name")
_whole = select(challenges).where(_named)
_stamps = select(
    challenges.c.slug,
    challenges.c.kit_sha256,
    challenges.c.kit_bytes,
    challenges.c.updated_at,
    challenges.c.changes,
)
_stamp = _stamps.where(_named)


def kit_name(slug: str, digest: str) -> str:
    """The blob of a kit: the one before stays until the row names the new one."""
    return f"{slug}.{digest[:16]}"


def kit_of(connection: Connection, slug: str) -> str | None:
    """The name of the blob that a challenge has now."""
    digest = connection.scalar(select(challenges.c.kit_sha256).where(challenges.c.slug == slug))
    return kit_name(slug, digest) if digest else None


def read_kit_blob(blobs: Blobs, slug: str, digest: str) -> bytes | None:
    """The kit; earlier versions stored it by its slug alone."""
    kit = blobs.get(KITS, kit_name(slug, digest))
    return kit if kit is not None else blobs.get(KITS, slug)


def read_kit(slug: str, data: bytes) -> tuple[Card, KeyRing, dict[str, bytes]]:
    """Card, keys and every file in a kit's zip. Raises a :class:`~participant_kit.challenge.errors.KitError`."""
    files = open_kit(data)
    if CARD not in files or KEYS not in files:
        raise ProtocolError(f"The kit lacks {CARD} or {KEYS}.", hint="Build it with: pkit challenge kit FOLDER")
    card = parse_document(files[CARD], Card, CARD)
    keys = parse_key_ring(files[KEYS])
    if card.slug != slug:
        raise ProtocolError(f"The kit is of the challenge {card.slug!r}, not {slug!r}.")
    if not keys.of(Role.BLIND):
        raise ProtocolError(f"{KEYS} in the kit has no key of a blind runner.", hint="Make one: pkit holder keys FILE")
    return card, keys, files


def store_challenge(connection: Connection, card: Card, keys: KeyRing, kit: bytes) -> None:
    """Publish, or publish anew, which also takes back that it was withdrawn."""
    values: dict[str, Any] = {
        "card": card.model_dump(mode="json"),
        "keys": keys.model_dump(mode="json"),
        "kit_sha256": kit_digest(kit),
        "kit_bytes": len(kit),
        "updated_at": time.time(),
        "changes": None,
        "withdrawn": None,
        "withdrawn_at": None,
    }
    insert_missing(connection, challenges, slug=card.slug, **values)
    connection.execute(update(challenges).where(challenges.c.slug == card.slug).values(values))


def with_changes(card: dict[str, Any], changes: dict[str, Any] | None) -> Card:
    """The card as it holds on the gateway: the dates, quotas and boards of phases are the organizer's to change."""
    phases = [{**phase, **(changes or {}).get(phase["name"], {})} for phase in card["phases"]]
    return Card.model_validate({**card, "phases": phases})


def find_challenge(connection: Connection, slug: str) -> ChallengeInfo:
    """The challenge ``slug``. Raises :class:`GatewayError` (404)."""
    row = connection.execute(_stamp, {"name": slug}).one_or_none()
    if row is None:
        raise GatewayError(404, "challenge_unknown", f"There is no challenge {slug!r} here.", hint="See: pkit list")
    return _info(connection, row)


def list_challenges(connection: Connection) -> list[ChallengeInfo]:
    """Every challenge, by slug."""
    return [_info(connection, row) for row in connection.execute(_stamps.order_by(challenges.c.slug)).all()]


def withdraw(connection: Connection, slug: str, reason: str) -> None:
    """Let nobody take part any more, and say why. Raises :class:`GatewayError` (404)."""
    find_challenge(connection, slug)
    values = {"withdrawn": reason, "withdrawn_at": time.time()}
    connection.execute(update(challenges).where(challenges.c.slug == slug).values(values))


def find_withdrawal(connection: Connection, slug: str) -> tuple[str, datetime] | None:
    """Why and when a challenge was withdrawn; None for one that was not."""
    columns = (challenges.c.withdrawn, challenges.c.withdrawn_at)
    row = connection.execute(select(*columns).where(challenges.c.slug == slug)).one_or_none()
    if row is None or row.withdrawn is None:
        return None
    return row.withdrawn, datetime.fromtimestamp(row.withdrawn_at, UTC)


_read: dict[str, tuple[Any, Card, KeyRing]] = {}
"""By slug what was read last, and its stamp: to validate it takes longer than all else that a request needs."""


def _info(connection: Connection, row: Any) -> ChallengeInfo:
    stamp = (row.kit_sha256, row.updated_at, row.changes)
    before = _read.get(row.slug)
    if before is None or before[0] != stamp:
        whole = connection.execute(_whole, {"name": row.slug}).one()
        before = (stamp, with_changes(whole.card, whole.changes), KeyRing.model_validate(whole.keys))
        _read[row.slug] = before
    _, card, keys = before
    now = datetime.now(UTC)
    phase = card.open_phase(now)
    return ChallengeInfo(
        card=card,
        keys=keys,
        kit_sha256=row.kit_sha256,
        kit_bytes=row.kit_bytes,
        open_phase=phase.name if phase else None,
        now=now,
    )

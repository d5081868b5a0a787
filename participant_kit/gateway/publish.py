"""Publishing a challenge, or a new version of its kit, and what becomes of what was scored before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from participant_kit.challenge.card import Card
from participant_kit.gateway.audit import record
from participant_kit.gateway.blobs import RESERVE
from participant_kit.gateway.challenges import KITS, find_challenge, kit_name, kit_of, read_kit, store_challenge
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.leaderboard import empty_board
from participant_kit.gateway.pages.shown import make_shown, store_shown
from participant_kit.gateway.service import Service
from participant_kit.gateway.tables import best, challenges, submissions
from participant_kit.protocol.kit import kit_digest
from participant_kit.protocol.messages import ChallengeInfo
from participant_kit.protocol.states import OPEN

DRAFTS = "drafts"
"""Kits that an organizer has sent and not yet confirmed."""


@dataclass
class Difference:
    """What publishing a kit would do: ``changed`` are the parts of the card that differ."""

    card: Card
    digest: str
    before: ChallengeInfo | None
    changed: list[str]
    phases_gone: list[str]
    metrics_differ: bool
    keys_differ: bool
    on_boards: int
    waiting: int
    changes_dropped: bool


def publish(service: Service, slug: str, kit: bytes, by: str, *, fresh_boards: bool = False) -> ChallengeInfo:
    """Store the kit and let it hold. With ``fresh_boards`` what was scored before is on no board any more."""
    card, keys, files = read_kit(slug, kit)
    made = make_shown(card, files)
    digest = kit_digest(kit)
    name = kit_name(slug, digest)
    service.blobs.put(KITS, name, kit, reserve=RESERVE)
    with service.database.write() as connection:
        before = kit_of(connection, slug)
        store_challenge(connection, card, keys, kit)
        store_shown(connection, slug, made)
        for phase in card.phases if fresh_boards else ():
            empty_board(connection, slug, phase.name)
        record(connection, by, "publish", slug, kit_sha256=digest, fresh_boards=fresh_boards)
        info = find_challenge(connection, slug)
    if before and before != name:
        service.blobs.remove(KITS, before)
    return info


def compare(connection: Connection, slug: str, kit: bytes) -> Difference:
    """What publishing ``kit`` would do. Raises a :class:`~participant_kit.challenge.errors.KitError` for a bad one."""
    card, keys, files = read_kit(slug, kit)
    make_shown(card, files)  # what cannot be shown is said now
    row = connection.execute(select(challenges).where(challenges.c.slug == slug)).one_or_none()
    before = find_challenge(connection, slug) if row else None
    old: dict[str, Any] = row.card if row else {}
    new = card.model_dump(mode="json")
    kept = {phase.name for phase in card.phases}
    open_ones = submissions.c.state.in_([state.value for state in OPEN])
    of_challenge = submissions.c.challenge == slug
    return Difference(
        card=card,
        digest=kit_digest(kit),
        before=before,
        changed=sorted(key for key in new if old.get(key) != new[key]) if row else [],
        phases_gone=[phase.name for phase in before.card.phases if phase.name not in kept] if before else [],
        metrics_differ=bool(row) and old.get("metrics") != new["metrics"],
        keys_differ=bool(before) and before.keys != keys if before else False,
        on_boards=connection.scalar(select(func.count()).select_from(best).where(best.c.challenge == slug)) or 0,
        waiting=connection.scalar(select(func.count()).select_from(submissions).where(of_challenge, open_ones)) or 0,
        changes_dropped=bool(row and row.changes),
    )


def keep_draft(service: Service, slug: str, kit: bytes) -> None:
    """Keep a kit until its organizer confirms."""
    service.blobs.put(DRAFTS, kit_name(slug, kit_digest(kit)), kit, reserve=RESERVE)


def take_draft(service: Service, slug: str, digest: str) -> bytes:
    """The kit that was kept. Raises :class:`GatewayError` (404)."""
    kit = service.blobs.get(DRAFTS, kit_name(slug, digest)) if digest.isalnum() else None
    if kit is None or kit_digest(kit) != digest:
        hint = "Choose the file again."
        raise GatewayError(404, "draft_unknown", "The kit is not here any more.", hint=hint)
    return kit


def drop_draft(service: Service, slug: str, digest: str) -> None:
    """Remove what was kept."""
    service.blobs.remove(DRAFTS, kit_name(slug, digest))

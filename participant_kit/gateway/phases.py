"""Dates, quotas and boards of phases, changed while a challenge goes on.

They hold on the gateway, which alone looks at them; the card in the kit, which seals and receipts name by its hash,
stays what it is. What may leave of the data is bounded by the card and the secure side's ledger, whatever the quota.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, func, select, update

from participant_kit.challenge.card import Card, Phase
from participant_kit.gateway.audit import record
from participant_kit.gateway.challenges import find_challenge, with_changes
from participant_kit.gateway.database import insert_missing
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.tables import boards, challenges, submissions
from participant_kit.protocol.states import OPEN

CHANGEABLE = ("starts", "ends", "per_day", "total", "leaderboard")


@dataclass
class Effect:
    """What a change does: ``was`` and ``will_be`` by name of what differs, and ``says`` in sentences."""

    phase: str
    was: dict[str, Any]
    will_be: dict[str, Any]
    says: list[str]


def edition(connection: Connection, slug: str) -> str:
    """What an organizer has seen: a change made on the sight of another is refused."""
    row = _row(connection, slug)
    return hashlib.sha256(json.dumps([row.kit_sha256, row.changes], sort_keys=True).encode()).hexdigest()[:16]


def preview(connection: Connection, slug: str, phase: str, new: dict[str, Any]) -> Effect:
    """What ``new`` would do to ``phase``. Raises :class:`GatewayError` (422), which names what cannot be."""
    before = find_challenge(connection, slug).card
    return _effect(connection, before, _changed(connection, slug, phase, new), phase)


def change_phase(connection: Connection, slug: str, phase: str, new: dict[str, Any], seen: str, by: str) -> Effect:
    """Let ``new`` hold from now on. Raises :class:`GatewayError`: 409 when it is not as ``seen`` any more."""
    query = select(challenges).where(challenges.c.slug == slug).with_for_update()
    connection.execute(query).one_or_none()
    if edition(connection, slug) != seen:
        hint = "Look at what is there now, and change it again."
        raise GatewayError(
            409, "changed_meanwhile", "Another organizer has changed this challenge meanwhile.", hint=hint
        )
    effect = preview(connection, slug, phase, new)
    row = _row(connection, slug)
    changes = {**(row.changes or {}), phase: _plain(row.card, phase, new)}
    connection.execute(update(challenges).where(challenges.c.slug == slug).values(changes=changes))
    insert_missing(connection, boards, challenge=slug, phase=phase, version=0, bits=0.0, since=0.0)
    board = (boards.c.challenge == slug) & (boards.c.phase == phase)
    connection.execute(update(boards).where(board).values(version=boards.c.version + 1))
    record(connection, by, "change phase", f"{slug}/{phase}", was=_json(effect.was), will_be=_json(effect.will_be))
    return effect


def _row(connection: Connection, slug: str) -> Any:
    find_challenge(connection, slug)
    return connection.execute(select(challenges).where(challenges.c.slug == slug)).one()


def _plain(card: dict[str, Any], phase: str, new: dict[str, Any]) -> dict[str, Any]:
    """Of ``new`` what differs from the card, as JSON has it."""
    of_card = next(each for each in card["phases"] if each["name"] == phase)
    checked = Phase.model_validate({**of_card, **{name: new[name] for name in CHANGEABLE}}).model_dump(mode="json")
    return {name: checked[name] for name in CHANGEABLE if checked[name] != of_card.get(name)}


def _changed(connection: Connection, slug: str, phase: str, new: dict[str, Any]) -> Card:
    row = _row(connection, slug)
    if phase not in [each["name"] for each in row.card["phases"]]:
        raise GatewayError(404, "phase_unknown", f"{slug} has no phase {phase!r}.", hint="See its phases.")
    try:
        return with_changes(row.card, {**(row.changes or {}), phase: _plain(row.card, phase, new)})
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(str(part) for part in detail['loc'] if part != 'phases')} {detail['msg']}".strip()
            for detail in error.errors()
        )
        raise GatewayError(422, "phase", f"This phase cannot be: {said}.", hint="Nothing was changed.") from None


def _effect(connection: Connection, before: Card, after: Card, name: str) -> Effect:
    old, new = before.phase(name), after.phase(name)
    assert old and new  # noqa: S101 - both cards have it
    differ = [key for key in CHANGEABLE if getattr(old, key) != getattr(new, key)]
    now = datetime.now(UTC)
    says = []
    opened = [card.open_phase(now) for card in (before, after)]
    names = [phase.name if phase else "none" for phase in opened]
    if names[0] != names[1]:
        says.append(f"The open phase will be {names[1]}; now it is {names[0]}.")
    mine = (submissions.c.challenge == before.slug) & (submissions.c.phase == name)
    if "total" in differ and new.total is not None:
        counted = select(func.count().label("used")).where(mine, submissions.c.counted)
        used = counted.group_by(submissions.c.participant).subquery()
        spent = connection.scalar(select(func.count()).select_from(used).where(used.c.used >= new.total)) or 0
        says.append(f"{spent} participants will have used all of their submissions.")
    open_ones = mine & submissions.c.state.in_([state.value for state in OPEN])
    waiting = connection.scalar(select(func.count()).select_from(submissions).where(open_ones)) or 0
    if waiting and old.is_open(now) and not new.is_open(now):
        says.append(f"{waiting} submissions that wait or run are run to their end all the same.")
    if "leaderboard" in differ:
        says.append("Everybody will see the board." if new.leaderboard == "live" else "Nobody will see the board.")
    if set(differ) & {"per_day", "total"}:
        bits = before.release.budget_bits
        says.append(
            f"What one participant can learn stays at most {bits:g} bits: the secure side counts, not the quota."
        )
    if differ:
        says.append("The card in the starter kit keeps its own dates and quotas; what holds is shown here and by pkit.")
    return Effect(name, {key: getattr(old, key) for key in differ}, {key: getattr(new, key) for key in differ}, says)


def _json(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}

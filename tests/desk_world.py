"""A desk with much on it: people, teams, submissions in every state, acts and invitations."""

from __future__ import annotations

import json
import time
from typing import Any

from sqlalchemy import insert

from participant_kit.gateway.database import Database
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.tables import accounts, audit, history, invitations, submissions
from participant_kit.protocol.states import State

MEMBERS = 4
"""People of a team; every fifth person is in one."""


def fill_desk(settings: Settings, slug: str, people: int, each: int = 5) -> None:
    """Put ``people`` with so many submissions each behind the gateway's back, all within a month."""
    now, database = time.time(), Database(settings)
    names = [f"participant-{number:05d}" for number in range(people)]
    teams = [f"team-{number:04d}" for number in range(people // 5 // MEMBERS)]
    with database.write() as connection:
        who = {"role": "participant", "created_at": now - 30 * 86400, "revision": 1, "state": "active"}
        connection.execute(insert(accounts), [who | {"name": name, "is_team": True} for name in teams])
        rows = []
        for number, name in enumerate(names):
            team = teams[number // 5 % len(teams)] if teams and number % 5 == 0 else None
            state = {3: "waiting", 4: "paused"}.get(number % 1000, "active")
            rows.append(who | {"name": name, "is_team": False, "team": team, "state": state})
        connection.execute(insert(accounts), rows)
        moments = [now - (each - turn) * 86400 * 5 for turn in range(each)]
        sent = [
            _sent(slug, name, turn, moments[turn], number) for turn in range(each) for number, name in enumerate(names)
        ]
        connection.execute(insert(submissions), sent)
        entry = {"version": 1, "state": "queued", "runner": None}
        entries = [entry | {"submission": row["id"], "since": row["created_at"]} for row in sent[-people:]]
        connection.execute(insert(history), entries)
        act = {"at": now, "act": "approve", "detail": {}}
        acts = [act | {"account": f"org-{number % 3}", "subject": name} for number, name in enumerate(names)]
        connection.execute(insert(audit), acts)
        connection.execute(insert(invitations), [_invitation(number, now) for number in range(people // 20)])
    database.close()


def _sent(slug: str, name: str, turn: int, moment: float, number: int) -> dict[str, Any]:
    state = {1: State.QUEUED, 2: State.FAILED, 3: State.CANCELLED}.get((number + turn) % 100, State.SCORED)
    scores = {"roc_auc_score": round(0.5 + (number * 7919 % 400) / 1000, 3)} if state == State.SCORED else None
    identifier = f"{turn:08d}-0000-7000-8000-{number:012d}"
    found = {"id": identifier, "challenge": slug, "phase": "development", "participant": name, "submitted_by": name}
    found |= {"state": state.value, "revision": turn + 1, "sealed_sha256": "", "sealed": "", "scores": scores}
    return found | {"waits_for": "blind", "created_at": moment + number, "updated_at": moment + number + 60}


def _invitation(number: int, now: float) -> dict[str, Any]:
    made = {"id": f"00000000-0000-7000-8000-{number:012d}", "sha256": f"{number:064d}", "approve": False, "uses": 20}
    made |= {"used": number % 20, "note": json.dumps({"course": number}), "created_by": "org", "created_at": now}
    return made | {"expires_at": now + 86400}

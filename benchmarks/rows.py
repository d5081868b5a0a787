"""Thousands of submissions, put into a gateway's database as if they had been made over the last months."""

from __future__ import annotations

import json
import random
import sqlite3
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from house import SLUG, House

from participant_kit.protocol.keys import Role, SecretKeys, read_secret_keys
from participant_kit.protocol.receipts import Failure, Outcome, Receipt, sign_receipt

PHASE = "development"
STATES = {"scored": 0.6, "failed": 0.15, "refused": 0.1, "cancelled": 0.15}
UNDER_WAY = {"queued": 2, "running": 1}
FAILURE = Failure(stage="notebook", cell=3, reason="KeyError")


def add_submissions(house: House, participant: str, count: int) -> None:
    """Insert ``count`` submissions of ``participant``: most have ended, with a receipt where a run would sign one."""
    chance, keys = random.Random(0), read_secret_keys(house.root / f"{Role.BLIND.value}.key")  # noqa: S311 - no secret
    newest = [state for state, many in UNDER_WAY.items() for _ in range(many)][: count // 2]
    ended = chance.choices(list(STATES), list(STATES.values()), k=count - len(newest))
    now, rows, results = time.time(), [], []
    for number, state in enumerate([*ended, *newest], 1):
        moment = now - (count - number + 1) * 1000
        values = _row(number, state, moment, participant)
        if state in ("scored", "failed"):
            score = round(chance.uniform(0.5, 0.9), 3)
            results.append((values["id"], json.dumps(_receipt(values, score, keys)), moment))
            values["scores"] = json.dumps(_scores(score)) if state == "scored" else None
            values["failure"] = json.dumps(FAILURE.model_dump()) if state == "failed" else None
        rows.append(values)
    with closing(sqlite3.connect(house.root / "gateway" / "gateway.sqlite", timeout=20)) as database, database:
        _insert(database, "submissions", list(rows[0]), [list(row.values()) for row in rows])
        _insert(database, "results", ["submission", "envelope", "created_at"], results)
        database.execute("UPDATE accounts SET revision = ? WHERE name = ?", (count, participant))


def _row(number: int, state: str, moment: float, participant: str) -> dict[str, Any]:
    return {
        "id": _identifier(moment, number),
        "challenge": SLUG,
        "phase": PHASE,
        "participant": participant,
        "state": state,
        "version": 4,
        "revision": number,
        "waits_for": Role.BLIND.value if state in UNDER_WAY else None,
        "rehearsed": state != "rehearsing",
        "counted": state in ("scored", "failed"),
        "sealed_sha256": f"{number:064x}",
        "created_at": moment,
        "updated_at": moment + 60,
        "attempt": 1,
        "lost": 0,
        "has_log": False,
        "failure": None,
        "scores": None,
        "bits": 0.0,
    }


def _receipt(row: dict[str, Any], score: float, keys: SecretKeys) -> dict[str, Any]:
    outcome = Outcome(state="failed", tick=1, failure=FAILURE)
    if row["state"] == "scored":
        outcome = Outcome(state="scored", tick=1, scores=_scores(score))
    receipt = Receipt(
        challenge=SLUG,
        phase=PHASE,
        participant=row["participant"],
        submission=row["id"],
        notebook_sha256="",
        card_sha256="",
        data_sha256="",
        environment_sha256="",
        runner_version="0",
        bits=2.5,
        outcome=outcome,
    )
    return sign_receipt(receipt, keys)


def _scores(score: float) -> dict[str, float]:
    return {"roc_auc_score": score, "brier_score_loss": round(1 - score, 3)}


def _identifier(moment: float, number: int) -> str:
    """A UUID of version 7 that was made then."""
    milliseconds = int(datetime.fromtimestamp(moment, UTC).timestamp() * 1000)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | number))


def _insert(database: sqlite3.Connection, table: str, columns: list[str], rows: Sequence[Sequence[Any]]) -> None:
    places = ", ".join("?" * len(columns))
    database.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)  # noqa: S608 - our own words

"""Which runners have asked for work, and what they said of themselves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from participant_kit.gateway.database import insert_missing
from participant_kit.gateway.tables import runners, submissions
from participant_kit.protocol.messages import ClaimRequest
from participant_kit.protocol.states import State

NOTED = 30.0
"""Seconds in which not every request of a runner is noted."""


def note_runner(connection: Connection, request: ClaimRequest, account: str, version: str | None) -> None:
    """It asks for work at this moment."""
    key = {"name": request.runner, "role": request.role.value}
    values: dict[str, Any] = {"account": account, "seen_at": time.time(), "version": version}
    values |= {"challenges": request.challenges, "cpus": request.cpus, "memory": request.memory}
    values["wall_time"] = request.wall_time
    insert_missing(connection, runners, **key, **values)
    mine = (runners.c.name == key["name"]) & (runners.c.role == key["role"])
    connection.execute(update(runners).where(mine).values(values))


def list_runners(connection: Connection) -> Sequence[Any]:
    """All that ever asked, the one seen last first, each with the number of submissions that it has."""
    has = select(func.count()).where(submissions.c.runner == runners.c.name, submissions.c.lease_expires > 0)
    has = has.where(submissions.c.waits_for == runners.c.role)
    query = select(runners, has.scalar_subquery().label("at_work")).order_by(runners.c.seen_at.desc())
    return connection.execute(query).all()


def read_queue(connection: Connection) -> Sequence[Any]:
    """By challenge and role how many wait, and since when the oldest does."""
    roles = (submissions.c.challenge, submissions.c.waits_for)
    waiting = select(*roles, func.count().label("number"), func.min(submissions.c.updated_at).label("since"))
    query = waiting.where(submissions.c.state == State.QUEUED.value).group_by(*roles).order_by(*roles)
    return connection.execute(query).all()

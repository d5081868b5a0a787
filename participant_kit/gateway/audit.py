"""The audit log: every administrative act, in the transaction that does it. No line is changed or removed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from participant_kit.gateway.tables import audit

OPERATOR = "operator"
"""Who acts on the gateway's own command line."""
GATEWAY = "gateway"
"""Who acts when nobody does."""
PAGE = 50


def record(connection: Connection, account: str, act: str, subject: str, **detail: Any) -> None:
    """Write that ``account`` did ``act`` to ``subject``; ``detail`` holds no secret."""
    line = {"at": time.time(), "account": account, "act": act, "subject": subject, "detail": detail}
    connection.execute(insert(audit).values(line))


def read_audit(
    connection: Connection,
    before: int | None = None,
    limit: int | None = PAGE,
    *,
    account: str = "",
    subject: str = "",
) -> Sequence[dict[str, Any]]:
    """The newest lines first; those before that number, of what ``account`` did, or of what was done to ``subject``."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    if account:
        query = query.where(audit.c.account == account)
    if subject:
        query = query.where(audit.c.subject == subject)
    rows = connection.execute(query).mappings()
    return [{**row, "at": datetime.fromtimestamp(row["at"], UTC)} for row in rows]

"""Everything that an organizer may have, in one zip: a table each, as CSV and as JSON. No secret and no notebook."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import IO, Any

from sqlalchemy import Connection, Table, select

from participant_kit.challenge.spreadsheet import harmless
from participant_kit.gateway.tables import (
    accounts,
    announcements,
    audit,
    best,
    boards,
    challenges,
    history,
    invitations,
    participations,
    results,
    runners,
    submissions,
)

LEFT_OUT = {"sha256", "lease_sha256", "sealed", "sealed_sha256", "revision", "waits_for", "lost"}
"""Columns that are secrets, or the gateway's own."""
TABLES: dict[str, Table] = {
    "accounts": accounts,
    "invitations": invitations,
    "challenges": challenges,
    "participations": participations,
    "submissions": submissions,
    "states": history,
    "receipts": results,
    "leaderboard": best,
    "boards": boards,
    "announcements": announcements,
    "runners": runners,
    "audit": audit,
}


def export_all(connection: Connection, file: IO[bytes]) -> None:
    """Write the zip into ``file``; what ``connection`` sees is of one moment."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in TABLES.items():
            columns = [column for column in table.columns if column.name not in LEFT_OUT]
            rows = [dict(row) for row in connection.execute(select(*columns)).mappings()]
            archive.writestr(f"{name}.json", json.dumps(rows, indent=1, allow_nan=False))
            archive.writestr(f"{name}.csv", _csv([column.name for column in columns], rows))


def _csv(names: list[str], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_cell(row[name]) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """What stands in the CSV; in the JSON it is as it is."""
    return harmless(json.dumps(value) if isinstance(value, dict | list) else value)

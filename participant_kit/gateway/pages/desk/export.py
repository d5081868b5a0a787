"""Everything in one file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from participant_kit.gateway.audit import record
from participant_kit.gateway.dump import pin
from participant_kit.gateway.export import TABLES, export_all
from participant_kit.gateway.pages.page import answer
from participant_kit.gateway.pages.viewer import Organizer, SentForm
from participant_kit.gateway.service import Gateway

router = APIRouter(prefix="/desk/export", include_in_schema=False)
CHUNK = 1 << 16


@router.get("")
def get_export(request: Request, organizer: Organizer) -> Response:
    """What is in it."""
    return answer(request, "desk_export", tables=list(TABLES))


@router.post("")
def post_export(request: Request, service: Gateway, organizer: Organizer, form: SentForm) -> Response:
    """The file. That it was taken stands in the audit log."""
    with service.database.write() as connection:
        record(connection, organizer.person, "export", "all")
    file = tempfile.SpooledTemporaryFile(max_size=16 << 20)  # noqa: SIM115 - the answer closes it
    with service.database.read() as connection:
        pin(connection)
        export_all(connection, file)
    file.seek(0)
    name = f"participant-kit-{datetime.now(UTC):%Y-%m-%d-%H%M}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(_chunks(file), media_type="application/zip", headers=headers)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk

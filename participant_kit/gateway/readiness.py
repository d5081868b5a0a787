"""Whether this process can do its work: its database answers and has its schema, and its blobs can be written."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from participant_kit.gateway.blobs import RESERVE, StoreError
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.schema import newest, revision_of

if TYPE_CHECKING:
    from participant_kit.gateway.service import Service

KEPT = 2.0
"""Seconds for which an answer holds: anybody may ask, and each look writes to the disk."""


class Readiness:
    """Looks once for all who ask at the same time."""

    def __init__(self, service: Service) -> None:
        self._service, self._lock = service, threading.Lock()
        self._looked, self._found = -KEPT, ""

    def check(self) -> None:
        """Raise :class:`GatewayError` (503) unless everything is as it should be."""
        if self._service.draining:
            raise _not_ready("The gateway is about to stop.")
        with self._lock:
            if time.monotonic() - self._looked > KEPT:
                self._found, self._looked = self._look(), time.monotonic()
        if self._found:
            raise _not_ready(self._found)

    def _look(self) -> str:
        try:
            with self._service.database.read() as connection:
                revision = revision_of(connection)
        except SQLAlchemyError:
            return "The database does not answer."
        if revision != newest():
            return f"The database has the schema {revision}, and this program works with {newest()}."
        try:
            self._service.blobs.put("probe", "readiness", b"", reserve=RESERVE)
            self._service.blobs.remove("probe", "readiness")
        except GatewayError as error:
            return error.message
        except StoreError as error:
            return f"The store of blobs cannot be used: {error}."
        except OSError:
            return "The blobs cannot be written."
        return ""


def _not_ready(message: str) -> GatewayError:
    return GatewayError(503, "not_ready", message, hint="This is for who operates it; others try again later.")

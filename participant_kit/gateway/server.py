"""The server process: told to stop, it answers what it has begun, refuses what is new, and ends in bounded time."""

from __future__ import annotations

import logging
import os
import threading
import time
from types import FrameType

import uvicorn
from fastapi import FastAPI

from participant_kit.gateway.service import Service

_log = logging.getLogger(__name__)
_GRACE = 1
"""Seconds after the drain for connections to close, and once more for threads to end."""


class Server(uvicorn.Server):
    """Serves ``app``. After SIGTERM or SIGINT it drains for at most ``drain`` seconds; after a second one it ends."""

    def __init__(self, app: FastAPI, drain: float) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_GRACE,
            timeout_keep_alive=75,  # longer than who asks again pauses, or a server in front keeps its connections
        )
        super().__init__(config)
        self._service: Service = app.state.service
        self._drain, self._until = drain, float("inf")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See :class:`uvicorn.Server`."""
        if self._service.draining:
            self.force_exit = self.should_exit = True
            self._leave_within(_GRACE)
            return
        self._until = time.monotonic() + self._drain
        self._service.drain()
        self._leave_within(self._drain + 2 * _GRACE)

    async def on_tick(self, counter: int) -> bool:
        """See :class:`uvicorn.Server`: whether to end now."""
        ends = await super().on_tick(counter)
        return ends or (self._service.draining and (not self._service.at_work or time.monotonic() > self._until))

    @staticmethod
    def _leave_within(seconds: float) -> None:
        """A transaction in a thread cannot be called off; leaving rolls it back, as being killed would."""

        def leave() -> None:
            _log.error("Ended with work that did not: it is rolled back.")
            os._exit(1)

        timer = threading.Timer(seconds, leave)
        timer.daemon = True
        timer.start()

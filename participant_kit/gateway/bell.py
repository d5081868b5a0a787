"""Wakes requests that wait for a change: in this process at once, in others too where PostgreSQL tells them.

On SQLite others look every second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from participant_kit.gateway.postgresql import CHANNEL

T = TypeVar("T")
_log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds after which a waiting request looks for itself: another process may have made the change."""


class Bell:
    """Rung after each change that somebody may wait for."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._listener: asyncio.Task[None] | None = None

    def open(self, address: str | None = None) -> None:
        """Start on the running event loop; with the ``address`` of a PostgreSQL, hear what other processes change."""
        self._loop = asyncio.get_running_loop()
        if address:
            self._listener = self._loop.create_task(self._listen(address))

    async def _listen(self, address: str) -> None:
        import asyncpg

        while True:
            ended = asyncio.get_running_loop().create_future()
            try:
                connection = await asyncpg.connect(address, timeout=10)
                try:
                    connection.add_termination_listener(lambda _, ended=ended: ended.done() or ended.set_result(None))
                    await connection.add_listener(CHANNEL, lambda *_: self._swap())
                    self._swap()  # for what was changed before it listened
                    await ended
                finally:
                    connection.terminate()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.warning("The database is not heard (%s); looking every second.", type(error).__name__)
            await asyncio.sleep(LOOK_EVERY)

    def close(self) -> None:
        """Let every waiting request answer now; from any thread."""
        self._closing = True
        self.ring()
        if self._listener and self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._listener.cancel)

    def ring(self) -> None:
        """Wake who waits; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._swap)

    def _swap(self) -> None:
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    async def wait_for(self, look: Callable[[], Awaitable[T | None]], seconds: float) -> T | None:
        """The first answer of ``look`` that is not None, within ``seconds``."""
        deadline = time.monotonic() + seconds
        while True:
            rung = self._rung  # before looking, so that no ring is missed
            found = await look()
            left = deadline - time.monotonic()
            if found is not None or left <= 0 or self._closing:
                return found
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(rung.wait(), min(left, LOOK_EVERY))

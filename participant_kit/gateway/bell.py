"""Wakes requests that wait for a change, in this process at once; other processes look every second."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_EVERY = 1.0
"""Seconds after which a waiting request looks for itself: another process may have made the change."""


class Bell:
    """Rung after each change that somebody may wait for."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False

    def open(self) -> None:
        """Start on the running event loop."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Let every waiting request answer now; from any thread."""
        self._closing = True
        self.ring()

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

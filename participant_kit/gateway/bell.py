"""Wakes requests that wait for a change, in this process at once; other processes look after a while."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")

LOOK_EVERY = 1.0
"""Seconds after which a waiting request looks for itself: another process may have made the change."""
LOOKS = 100
"""Such looks a second, of all that wait together: where thousands wait, each looks less often."""
FEW = 20
"""Where no more wait, each change wakes them all."""


class Bell:
    """Rung after each change, for who waits under a name: a participant for what is theirs, runners for their role.

    Whoever watches what others change, a leaderboard or a queue, is woken where few wait; where many do, that is
    seen at the next look.
    """

    def __init__(self) -> None:
        self._rung: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()  # kept by who waits for them
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0
        self._closing = False

    def open(self) -> None:
        """Start on the running event loop."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Let every waiting request answer now; from any thread."""
        self._closing = True
        self._call(lambda: self._wake(*list(self._rung)))

    def ring(self, *names: str) -> None:
        """Wake who waits under one of ``names``; from any thread."""
        self._call(lambda: self._wake(*(list(self._rung) if self._waiting <= FEW else names)))

    def _call(self, work: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)

    def _wake(self, *names: str) -> None:
        for name in names:
            if rung := self._rung.pop(name, None):
                rung.set()

    async def wait_for(self, name: str, look: Callable[[], Awaitable[T | None]], seconds: float) -> T | None:
        """The first answer of ``look`` that is not None, within ``seconds``, as one who waits under ``name``."""
        deadline = time.monotonic() + seconds
        self._waiting += 1
        try:
            while True:
                rung = self._rung.setdefault(name, asyncio.Event())  # before looking, so that no ring is missed
                found = await look()
                left = deadline - time.monotonic()
                if found is not None or left <= 0 or self._closing:
                    return found
                pause = max(LOOK_EVERY, self._waiting / LOOKS)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(rung.wait(), min(left, pause))
        finally:
            self._waiting -= 1

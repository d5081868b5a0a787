"""Wakes requests that wait for a change: in this process at once, in others too where PostgreSQL tells them.

On SQLite others look every second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar
from weakref import WeakValueDictionary

from participant_kit.gateway.postgresql import CHANNEL

T = TypeVar("T")
_log = logging.getLogger(__name__)

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
                    await connection.add_listener(CHANNEL, lambda *told: self._hear(told[3].split(",")))
                    self._wake(*list(self._rung))  # for what was changed before it listened
                    await ended
                finally:
                    connection.terminate()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.warning("The database is not heard (%s); looking every second.", type(error).__name__)
            await asyncio.sleep(LOOK_EVERY)

    def close(self) -> None:
        """Let every waiting request answer now; from any thread."""
        self._closing = True
        self._call(lambda: self._wake(*list(self._rung)))
        if listener := self._listener:
            self._call(listener.cancel)

    def ring(self, *names: str) -> None:
        """Wake who waits under one of ``names``; from any thread."""
        self._call(lambda: self._hear(names))

    def _call(self, work: Callable[[], object]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)

    def _hear(self, names: Iterable[str]) -> None:
        self._wake(*(list(self._rung) if self._waiting <= FEW else names))

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

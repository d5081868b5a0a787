"""Sandboxes that are started ahead, and wait for one request each."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.sandbox.base import Command, Ended, Handover, Sandbox
from participant_kit.execution.sandbox.process import held_memory

GUESS = 32 << 20
"""Bytes that a sandbox is taken to hold at least: one that was just started has not all yet."""


@dataclass(frozen=True)
class _Call:
    command: Command
    max_reply: int
    max_log: int

    @property
    def key(self) -> str:
        """What tells it from others."""
        return repr(self)


class WarmSandbox:
    """``sandbox``, with some of it started ahead, as long as all that wait hold no more than ``memory`` bytes.

    What was run is likely to come again, and as many at once as before: so many wait of it. Where the memory does
    not do for all, those wait that were wanted last. One that waits has its namespaces, limits and mounts, has
    imported what the command says, and is for one request. ``contained`` is that of ``sandbox``.
    ``started`` is told of each command, and whether it was started ahead.
    """

    name: ClassVar[str] = "warm"
    contained: ClassVar[bool] = True

    def __init__(self, sandbox: Sandbox, memory: int, started: Callable[[Command, bool], None] | None = None) -> None:
        if not sandbox.contained:
            raise ExecutionError(f"The sandbox {sandbox.name} does not hold hostile code.")
        self._sandbox, self._memory, self._started = sandbox, memory, started
        self._waiting: list[_Waiting] = []
        self._running, self._at_once = Counter[str](), Counter[str]()
        self._lock, self._closed = threading.Lock(), False

    def run(
        self,
        command: Command,
        request: bytes | Handover,
        *,
        max_reply: int,
        max_log: int = 0,
        cancelled: threading.Event | None = None,
    ) -> Ended:
        """See :meth:`participant_kit.execution.sandbox.base.Sandbox.run`."""
        if command.alone:
            return self._sandbox.run(command, request, max_reply=max_reply, max_log=max_log, cancelled=cancelled)
        call = _Call(command, max_reply, max_log)
        with self._lock:
            self._running[call.key] += 1
            self._at_once[call.key] = max(self._at_once[call.key], self._running[call.key])
            found = next((waiting for waiting in self._waiting if waiting.call == call), None)
            if found:
                self._waiting.remove(found)
        try:
            ended = found.run(request, cancelled) if found and isinstance(request, bytes) else None
            if self._started:
                self._started(command, ended is not None)
            if ended is None:
                ended = self._sandbox.run(command, request, max_reply=max_reply, max_log=max_log, cancelled=cancelled)
            return ended
        finally:
            with self._lock:
                self._running[call.key] -= 1
            self._start(call)

    def prepare(self, call: _Call) -> None:
        """Let one wait for ``call``, which has not been run yet."""
        with self._lock:
            self._at_once[call.key] = max(self._at_once[call.key], 1)
        self._start(call)

    def _start(self, call: _Call) -> None:
        """Start what is wanted of ``call``, and end what is then too much."""
        with self._lock:
            if self._closed or not self._memory:
                return
            of_it = [one for one in self._waiting if one.call == call]
            others = [one for one in self._waiting if one.call != call]
            of_it += [_Waiting(self._sandbox, call) for _ in range(self._at_once[call.key] - len(of_it))]
            self._waiting, held = [*others, *of_it], 0
            for number, one in reversed(list(enumerate(self._waiting))):
                held += one.memory
                if held > self._memory:
                    old, self._waiting = self._waiting[: number + 1], self._waiting[number + 1 :]
                    break
            else:
                old = []
        for one in old:
            one.close()

    def close(self) -> None:
        """End those that wait, for good."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.close()
        self._sandbox.close()


class Ahead:
    """A sandbox that runs nothing, and answers nothing: what is run in it is started ahead in ``warm``."""

    name: ClassVar[str] = "ahead"
    contained: ClassVar[bool] = True

    def __init__(self, warm: WarmSandbox) -> None:
        self._warm = warm

    def run(
        self,
        command: Command,
        request: bytes | Handover,
        *,
        max_reply: int,
        max_log: int = 0,
        cancelled: threading.Event | None = None,
    ) -> Ended:
        """See :meth:`participant_kit.execution.sandbox.base.Sandbox.run`."""
        self._warm.prepare(_Call(command, max_reply, max_log))
        return Ended(reply=b"", log=b"", exit_code=0, seconds=0.0)

    def close(self) -> None:
        """See :meth:`participant_kit.execution.sandbox.base.Sandbox.close`."""


class _Waiting:
    """One sandbox that was started ahead."""

    def __init__(self, sandbox: Sandbox, call: _Call) -> None:
        self.call = call
        self._sandbox, self._handover, self._unused = sandbox, Handover(), threading.Event()
        self._ended: Ended | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        call = self.call
        try:
            self._ended = self._sandbox.run(
                call.command, self._handover, max_reply=call.max_reply, max_log=call.max_log, cancelled=self._unused
            )
        except ExecutionError:  # if it is for more than this one, it comes again when it is run without being ahead
            self._ended = None

    @property
    def memory(self) -> int:
        """Bytes that it holds; what it shares with others counts in part."""
        return max(GUESS, held_memory(self._handover.pid) if self._handover.pid else 0)

    def run(self, request: bytes, cancelled: threading.Event | None) -> Ended | None:
        """Hand ``request`` over and wait; None when the sandbox had ended before it took it."""
        self._handover.give(request, cancelled)
        self._thread.join()
        self._handover.close()
        return self._ended if self._handover.taken else None

    def close(self) -> None:
        """End it unused."""
        self._unused.set()
        self._thread.join()
        self._handover.close()

"""Sandboxes that are started ahead, and wait for one request each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.sandbox.base import Command, Ended, Handover, Sandbox


@dataclass(frozen=True)
class _Call:
    command: Command
    max_reply: int
    max_log: int


class WarmSandbox:
    """``sandbox``, with one started ahead for each of the last ``most`` commands: what is run again is likely to come.

    It has its namespaces, limits and mounts, has imported what the command says, and waits. It is for one request;
    when that is done, the next one is started. ``contained`` is that of ``sandbox``. ``started`` is told of each
    command, and whether it was started ahead.
    """

    name: ClassVar[str] = "warm"
    contained: ClassVar[bool] = True

    def __init__(self, sandbox: Sandbox, most: int, started: Callable[[Command, bool], None] | None = None) -> None:
        if not sandbox.contained:
            raise ExecutionError(f"The sandbox {sandbox.name} does not hold hostile code.")
        self._sandbox, self._most, self._started = sandbox, most, started
        self._waiting: list[_Waiting] = []
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
        call = _Call(command, max_reply, max_log)
        try:
            with self._lock:
                found = next((waiting for waiting in self._waiting if waiting.call == call), None)
                if found:
                    self._waiting.remove(found)
            ended = found.run(request, cancelled) if found and isinstance(request, bytes) else None
            if self._started:
                self._started(command, ended is not None)
            if ended is None:
                ended = self._sandbox.run(command, request, max_reply=max_reply, max_log=max_log, cancelled=cancelled)
            return ended
        finally:
            self._prepare(call)

    def _prepare(self, call: _Call) -> None:
        with self._lock:
            if self._closed or self._most < 1:
                return
            self._waiting.append(_Waiting(self._sandbox, call))
            old, self._waiting = self._waiting[: -self._most], self._waiting[-self._most :]
        for waiting in old:
            waiting.close()

    def close(self) -> None:
        """End those that wait."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.close()


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

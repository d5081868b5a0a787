"""What a sandbox is.

A sandbox runs one command with no network, a read-only file system, bounded time, memory, processes and disk,
and nothing of this machine in sight but the mounts it was given. Byte streams cross its wall, and no file:

* the *request* comes on the command's standard input: a length (8 bytes, big-endian), then that many bytes.
  The stream then stays open: a command that reads end-of-file there has lost its runner and must end;
* the *reply* goes to its standard output, up to a bound. It is hostile: whoever ran inside chose every byte;
* its standard error is the *log*, kept only for a rehearsal.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from participant_kit.challenge.card import Limits

WORK_DIR = "/work"
"""The one writable place inside: a tmpfs of ``limits.disk`` bytes that ends with the sandbox."""


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine, visible inside at ``target``, read-only.

    A folder that is ``shared`` is another sandbox's too, and both write there; see
    :mod:`participant_kit.execution.shared`.
    """

    source: Path
    target: str
    shared: bool = False


@dataclass(frozen=True)
class Command:
    """What to run inside, and what it may see and use. Paths in ``argv`` and ``links`` are those inside.

    ``links`` makes symbolic links, name to target, for programs that insist on writing elsewhere than
    in ``WORK_DIR``. ``confined`` says that ``argv`` is an interpreter, ``-I`` and a script, which then runs behind
    Landlock as well; see :mod:`participant_kit.execution.sandbox.confine`. ``preload`` names modules that it imports,
    or ``module:function`` that it calls once: a sandbox that is started ahead may have done it. ``alone`` says that
    none is: little would be gained, or it shares a folder with one other run.
    """

    argv: tuple[str, ...]
    mounts: tuple[Mount, ...]
    limits: Limits
    environment: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    confined: bool = False
    preload: tuple[str, ...] = ()
    alone: bool = False


@dataclass(frozen=True)
class Ended:
    """How a command ended. ``exit_code`` is negative for a signal. ``seconds`` is wall time.

    ``peak_memory`` is in bytes, files that were read or written included, as the control group counts it; None
    where there is no such group.
    """

    reply: bytes
    log: bytes
    exit_code: int
    seconds: float
    timed_out: bool = False
    out_of_memory: bool = False
    reply_too_large: bool = False
    cancelled: bool = False
    peak_memory: int | None = None


class Handover:
    """A request that a sandbox, started ahead, waits for. One thread gives it, once; ``fileno`` is readable then."""

    def __init__(self) -> None:
        self.request: bytes | None = None
        self.cancelled: threading.Event | None = None
        self.taken = False
        """Whether the sandbox was still there to take it."""
        self.pid: int | None = None
        """The sandbox's outermost process, once it is there."""
        self._given = os.eventfd(0)

    def give(self, request: bytes, cancelled: threading.Event | None) -> None:
        """From now on the sandbox works, and ``cancelled`` ends it."""
        self.cancelled, self.request = cancelled, request
        os.eventfd_write(self._given, 1)

    def fileno(self) -> int:
        """A descriptor to wait on."""
        return self._given

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._given)


class Sandbox(Protocol):
    """One kind of sandbox. Instances hold configuration only and may be shared by threads."""

    name: ClassVar[str]
    contained: ClassVar[bool]
    """Whether hostile code is held. The secure side takes no kind of which this is false."""

    def run(
        self,
        command: Command,
        request: bytes | Handover,
        *,
        max_reply: int,
        max_log: int = 0,
        cancelled: threading.Event | None = None,
    ) -> Ended:
        """Run ``command`` to its end, its limits or ``cancelled``; every process of it is gone on return.

        ``max_reply`` and ``max_log`` are in bytes; a longer reply is reported and dropped, a longer log cut. With a
        :class:`Handover` the time begins when the request is given.
        Raises :class:`~participant_kit.execution.errors.ExecutionError` when the sandbox cannot be made.
        """
        ...

    def close(self) -> None:
        """End what is kept between runs; another run makes it anew."""
        ...

"""Starting a sandbox's outermost process, feeding it, bounding it, and making sure that it is gone."""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from participant_kit.challenge.card import Limits
from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.sandbox.base import Ended, Handover
from participant_kit.execution.sandbox.cgroup import Cgroup, create_cgroup
from participant_kit.execution.sandbox.clocks import own_clocks

_CHUNK = 1 << 16
_DATA_SLACK, _AS_SLACK = 1 << 30, 8 << 30
_DEATH = 10
"""Seconds that a killed process may take to be gone."""

_JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 125; shift; done; shift; exec "$@"'


def resource_limits(limits: Limits, *, grouped: bool) -> dict[str, int]:
    """The limits of every process inside, by the kernel's name for each: the floor under every sandbox.

    They are set inside because the kernel counts processes per user *namespace*. Without a control group the
    bound on memory is the watch on what is resident; these limits on what is reserved keep a burst between
    two looks of it small. Allocators and threads reserve more than they ever touch, hence the slack.
    """
    floor = {"core": 0, "nofile": 4096, "fsize": limits.disk, "nproc": limits.processes}
    return floor if grouped else {**floor, "data": limits.memory + _DATA_SLACK, "as": limits.memory + _AS_SLACK}


def inner_limits(limits: Limits, *, grouped: bool) -> list[str]:
    """The ``prlimit`` prefix that sets :func:`resource_limits` for the command inside."""
    return [
        "/usr/bin/prlimit",
        *(f"--{name}={most}" for name, most in resource_limits(limits, grouped=grouped).items()),
    ]


def in_group(argv: Sequence[str], group: Cgroup | None) -> list[str]:
    """``argv``, as a member of ``group`` from its start."""
    return ["/bin/sh", "-c", _JOIN, "sh", *map(str, group.join_files), "--", *argv] if group else list(argv)


class Running(Protocol):
    """A sandbox that was started: its outermost process, and our ends of its streams, which do not block."""

    pid: int
    stdin: int
    stdout: int
    stderr: int | None

    def end(self) -> int:
        """Kill every process of it, see that all are gone, close the streams; how it ended, negative for a signal."""
        ...


def run_process(
    argv: Sequence[str],
    request: bytes | Handover,
    limits: Limits,
    group: Cgroup | None,
    *,
    pass_fds: Sequence[int] = (),
    max_reply: int,
    max_log: int,
    cancelled: threading.Event | None,
) -> Ended:
    """Run ``argv`` within ``group``; see :meth:`participant_kit.execution.sandbox.base.Sandbox.run`."""
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            in_group([*own_clocks(), *argv], group),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if max_log else subprocess.DEVNULL,
            pass_fds=pass_fds,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            start_new_session=True,
        )
    except OSError as error:
        raise ExecutionError(f"The sandbox cannot be started: {error.strerror}.") from None
    running = _Child(process)
    return attend(running, request, limits, group, started, max_reply=max_reply, max_log=max_log, cancelled=cancelled)


def attend(
    running: Running,
    request: bytes | Handover,
    limits: Limits,
    group: Cgroup | None,
    started: float,
    *,
    max_reply: int,
    max_log: int,
    cancelled: threading.Event | None,
) -> Ended:
    """Feed ``running``, which was started at ``started`` on the monotonic clock, bound it, and see it end."""
    pump = _Pump(running, max_reply, max_log)
    waits = request if isinstance(request, Handover) else None
    if waits:
        waits.pid = running.pid
        pump.watch(waits.fileno())
    elif isinstance(request, bytes):
        pump.send(request)
    timed_out = stopped = over_memory = False
    try:
        while not pump.step(0.1):
            if waits and waits.request is not None:
                pump.send(waits.request)
                waits.taken, cancelled, started, waits = True, waits.cancelled, time.monotonic(), None
            timed_out = not waits and time.monotonic() > started + limits.wall_time.total_seconds()
            stopped = cancelled is not None and cancelled.is_set()
            over_memory = group is None and _over_memory(running.pid, limits.memory + limits.disk)
            if timed_out or stopped or over_memory or pump.reply_too_large:
                break
    finally:
        pump.close()
        exit_code = running.end()
    return Ended(
        reply=b"" if pump.reply_too_large else bytes(pump.reply),
        log=bytes(pump.log),
        exit_code=exit_code,
        seconds=time.monotonic() - started,
        timed_out=timed_out,
        out_of_memory=over_memory or bool(group and group.out_of_memory),
        reply_too_large=pump.reply_too_large,
        cancelled=stopped,
        peak_memory=group.peak_memory if group else None,
    )


class _Child:
    """A sandbox whose outermost process is our child."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid
        streams = [stream for stream in (process.stdin, process.stdout, process.stderr) if stream]
        for stream in streams:
            os.set_blocking(stream.fileno(), False)
        self.stdin, self.stdout, *rest = (stream.fileno() for stream in streams)
        self.stderr = rest[0] if rest else None

    def end(self) -> int:
        """See :meth:`Running.end`."""
        process = self._process
        remaining = open_family(process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        end_all(remaining, process.wait)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        return process.returncode


def open_family(pid: int) -> dict[int, int]:
    """A descriptor of ``pid`` and of every process below it, by number."""
    opened = {}
    for member in _family(pid):
        with contextlib.suppress(OSError):  # it has ended
            opened[member] = os.pidfd_open(member)
    return opened


def end_all(remaining: Mapping[int, int], reap: Callable[[], object] = lambda: None) -> None:
    """Kill the processes ``remaining``, number to descriptor, ``reap``, and wait until all are gone.

    The first process inside is among them, and takes all of the process namespace along, whatever sessions or signal
    handlers are there. It would die with its parent anyway, unless it has found a way to ask the kernel not to.
    Raises :class:`ExecutionError` when something does not end.
    """
    try:
        for descriptor in remaining.values():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        reap()
        for pid, descriptor in remaining.items():
            if not select.select([descriptor], [], [], _DEATH)[0]:
                raise ExecutionError(f"Process {pid} of a sandbox does not end.", hint="Look for it with: ps -ef")
    finally:
        for descriptor in remaining.values():
            os.close(descriptor)


class _Pump:
    """Moves bytes between this process and the sandbox until that has ended."""

    def __init__(self, running: Running, max_reply: int, max_log: int) -> None:
        self.reply, self.log = bytearray(), bytearray()
        self.reply_too_large, self._watched = False, -1
        self._running, self._request = running, memoryview(b"")
        self._max_reply, self._max_log = max_reply, max_log
        self._ended = os.pidfd_open(running.pid)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ended, selectors.EVENT_READ)
        for stream in (running.stdout, running.stderr):
            if stream is not None:
                self._selector.register(stream, selectors.EVENT_READ)

    def send(self, request: bytes) -> None:
        """Begin to write ``request``."""
        self._request = memoryview(struct.pack(">Q", len(request)) + request)
        self._selector.register(self._running.stdin, selectors.EVENT_WRITE)

    def watch(self, descriptor: int) -> None:
        """Let :meth:`step` return, once, as soon as ``descriptor`` can be read."""
        self._watched = descriptor
        self._selector.register(descriptor, selectors.EVENT_READ)

    def step(self, timeout: float) -> bool:
        """Move what is ready; True when the process has ended and all it wrote was read."""
        running = self._running
        ended = False
        for key, _ in self._selector.select(timeout):
            if key.fd == self._ended:
                ended = True
            elif key.fd == running.stdin:
                self._write(key.fd)
            elif key.fd == running.stdout:
                self._read(key.fd, self.reply, self._max_reply + 1)
                self.reply_too_large = len(self.reply) > self._max_reply
            elif key.fd == self._watched:
                self._selector.unregister(key.fd)
            else:
                self._read(key.fd, self.log, self._max_log)
        if ended:
            while not self.reply_too_large and self._read(running.stdout, self.reply, self._max_reply + 1):
                self.reply_too_large = len(self.reply) > self._max_reply
            while running.stderr is not None and self._read(running.stderr, self.log, self._max_log):
                pass
        return ended

    def _write(self, descriptor: int) -> None:
        try:
            self._request = self._request[os.write(descriptor, self._request[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._request = self._request[:0]
        if not self._request:  # the stream stays open: its end would tell the guest that we are gone
            self._selector.unregister(descriptor)

    def _read(self, descriptor: int, into: bytearray, limit: int) -> bool:
        """Read once; what is over ``limit`` is dropped. False when nothing is left."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(descriptor)
            return False
        into += data[: max(0, limit - len(into))]
        return True

    def close(self) -> None:
        """Close what is its own."""
        self._selector.close()
        os.close(self._ended)


def _over_memory(pid: int, limit: int) -> bool:
    """Whether ``pid`` and everything below it hold more than ``limit`` bytes in memory.

    Pages that forked processes share count in each of them at first; only when that is too much they are
    counted once (the proportional set size), which takes the kernel longer.
    """
    family = _family(pid)
    return sum(map(_resident_bytes, family)) > limit and held_memory(pid) > limit


def _family(pid: int) -> list[int]:
    found, pending = [], [pid]
    while pending:
        found.append(pending.pop())
        with contextlib.suppress(OSError):  # it has ended
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                pending += map(int, (task / "children").read_text().split())
    return found


def held_memory(pid: int) -> int:
    """Bytes that ``pid`` and everything below it hold in memory; what is shared with others counts in part."""
    return sum(map(_proportional_bytes, _family(pid)))


def _resident_bytes(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _proportional_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("Pss:"))
    except (OSError, ValueError):
        return _resident_bytes(pid)


@contextlib.contextmanager
def cgroup_for(limits: Limits) -> Iterator[Cgroup | None]:
    """A control group for one run, gone afterwards; None where this machine lends us none."""
    group = create_cgroup(limits)
    try:
        yield group
    finally:
        if group:
            group.remove()

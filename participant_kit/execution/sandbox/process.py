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
from collections.abc import Iterator, Sequence
from pathlib import Path

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


def inner_limits(limits: Limits, *, grouped: bool) -> list[str]:
    """The ``prlimit`` prefix for the command inside: resource limits, the floor under every sandbox.

    It stands inside because the kernel counts processes per user *namespace*. Without a control group the
    bound on memory is the watch on what is resident; these limits on what is reserved keep a burst between
    two looks of it small. Allocators and threads reserve more than they ever touch, hence the slack.
    """
    prefix = ["/usr/bin/prlimit", "--core=0", "--nofile=4096", f"--fsize={limits.disk}", f"--nproc={limits.processes}"]
    return (
        prefix if grouped else [*prefix, f"--data={limits.memory + _DATA_SLACK}", f"--as={limits.memory + _AS_SLACK}"]
    )


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
    argv = [*own_clocks(), *argv]
    if group:
        argv = ["/bin/sh", "-c", _JOIN, "sh", *map(str, group.join_files), "--", *argv]
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if max_log else subprocess.DEVNULL,
            pass_fds=pass_fds,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            start_new_session=True,
        )
    except OSError as error:
        raise ExecutionError(f"The sandbox cannot be started: {error.strerror}.") from None
    pump = _Pump(process, max_reply, max_log)
    waits = request if isinstance(request, Handover) else None
    if waits:
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
            over_memory = group is None and _over_memory(process.pid, limits.memory + limits.disk)
            if timed_out or stopped or over_memory or pump.reply_too_large:
                break
    finally:
        _kill(process)
        pump.close()
    return Ended(
        reply=b"" if pump.reply_too_large else bytes(pump.reply),
        log=bytes(pump.log),
        exit_code=process.returncode,
        seconds=time.monotonic() - started,
        timed_out=timed_out,
        out_of_memory=over_memory or bool(group and group.out_of_memory),
        reply_too_large=pump.reply_too_large,
        cancelled=stopped,
        peak_memory=group.peak_memory if group else None,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End ``process`` and everything below it, and wait until that is gone.

    The first process inside is among it, and takes all of the process namespace along, whatever sessions or signal
    handlers are there. It would die with its parent anyway, unless it has found a way to ask the kernel not to.
    Raises :class:`ExecutionError` when something does not end.
    """
    remaining = {}
    for pid in _family(process.pid):
        with contextlib.suppress(OSError):  # it has ended
            remaining[pid] = os.pidfd_open(pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        for descriptor in remaining.values():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        process.wait()
        for pid, descriptor in remaining.items():
            if not select.select([descriptor], [], [], _DEATH)[0]:
                raise ExecutionError(f"Process {pid} of a sandbox does not end.", hint="Look for it with: ps -ef")
    finally:
        for descriptor in remaining.values():
            os.close(descriptor)


class _Pump:
    """Moves bytes between this process and the sandbox until that has ended."""

    def __init__(self, process: subprocess.Popen[bytes], max_reply: int, max_log: int) -> None:
        self.reply, self.log = bytearray(), bytearray()
        self.reply_too_large, self._watched = False, -1
        self._process, self._request = process, memoryview(b"")
        self._max_reply, self._max_log = max_reply, max_log
        self._ended = os.pidfd_open(process.pid)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ended, selectors.EVENT_READ)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                os.set_blocking(stream.fileno(), False)
                if stream is not process.stdin:
                    self._selector.register(stream.fileno(), selectors.EVENT_READ)

    def send(self, request: bytes) -> None:
        """Begin to write ``request``."""
        self._request = memoryview(struct.pack(">Q", len(request)) + request)
        if self._process.stdin:
            self._selector.register(self._process.stdin.fileno(), selectors.EVENT_WRITE)

    def watch(self, descriptor: int) -> None:
        """Let :meth:`step` return, once, as soon as ``descriptor`` can be read."""
        self._watched = descriptor
        self._selector.register(descriptor, selectors.EVENT_READ)

    def step(self, timeout: float) -> bool:
        """Move what is ready; True when the process has ended and all it wrote was read."""
        process = self._process
        ended = False
        for key, _ in self._selector.select(timeout):
            if key.fd == self._ended:
                ended = True
            elif process.stdin and key.fd == process.stdin.fileno():
                self._write(key.fd)
            elif process.stdout and key.fd == process.stdout.fileno():
                self._read(key.fd, self.reply, self._max_reply + 1)
                self.reply_too_large = len(self.reply) > self._max_reply
            elif key.fd == self._watched:
                self._selector.unregister(key.fd)
            elif process.stderr:
                self._read(key.fd, self.log, self._max_log)
        if ended and process.stdout:
            while not self.reply_too_large and self._read(process.stdout.fileno(), self.reply, self._max_reply + 1):
                self.reply_too_large = len(self.reply) > self._max_reply
            while process.stderr and self._read(process.stderr.fileno(), self.log, self._max_log):
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
        """Close every descriptor."""
        self._selector.close()
        os.close(self._ended)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()


def _over_memory(pid: int, limit: int) -> bool:
    """Whether ``pid`` and everything below it hold more than ``limit`` bytes in memory.

    Pages that forked processes share count in each of them at first; only when that is too much they are
    counted once (the proportional set size), which takes the kernel longer.
    """
    family = _family(pid)
    return sum(map(_resident_bytes, family)) > limit and sum(map(_proportional_bytes, family)) > limit


def _family(pid: int) -> list[int]:
    found, pending = [], [pid]
    while pending:
        found.append(pending.pop())
        with contextlib.suppress(OSError):  # it has ended
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                pending += map(int, (task / "children").read_text().split())
    return found


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

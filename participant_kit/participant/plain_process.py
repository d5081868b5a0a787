"""A rehearsal where there is no sandbox: the participant's own notebook in a plain process.

It holds nothing back: the notebook can read, write and reach whatever its author can. Time is bounded,
memory, disk and network are not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path, PurePosixPath
from typing import IO, ClassVar

from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.sandbox.base import WORK_DIR, Command, Ended, Handover

_DATA = "/data"
_KEPT = ("PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS")
"""Variables of this process that the notebook's keeps; a token is none of them."""


class PlainProcess:
    """A :class:`~participant_kit.execution.sandbox.base.Sandbox` in form alone; the secure side takes none."""

    name: ClassVar[str] = "plain process"
    contained: ClassVar[bool] = False

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
        if not isinstance(request, bytes):
            raise ExecutionError("A process without a sandbox is not started ahead.")
        with tempfile.TemporaryDirectory(prefix="pkit-rehearsal-", ignore_cleanup_errors=True) as folder:
            work = Path(folder).resolve()
            for name in ("home", "tmp", "data"):
                (work / name).mkdir()
            for mount in command.mounts:
                if mount.target == _DATA:  # copies: nothing is read-only here
                    shutil.copytree(mount.source, work / "data", dirs_exist_ok=True)
                elif PurePosixPath(mount.target).parent == PurePosixPath(_DATA):
                    shutil.copy(mount.source, work / "data" / PurePosixPath(mount.target).name)
            started = time.monotonic()
            process = _start(command, work, keep_log=max_log > 0)
            reply, log = _Reader(process.stdout, max_reply + 1), _Reader(process.stderr, max_log)
            writer = threading.Thread(target=_write, args=(process.stdin, request), daemon=True)
            writer.start()
            deadline = started + command.limits.wall_time.total_seconds()
            timed_out = stopped = False
            try:
                while process.poll() is None and not (timed_out or stopped or reply.full):
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.05)
                    timed_out = process.returncode is None and time.monotonic() > deadline
                    stopped = process.returncode is None and cancelled is not None and cancelled.is_set()
            finally:
                _kill(process)
                for thread in (reply, log):
                    thread.join(2)  # what the notebook left running may hold them open
            return Ended(
                reply=b"" if reply.full else bytes(reply.content),
                log=bytes(log.content),
                exit_code=process.returncode,
                seconds=time.monotonic() - started,
                timed_out=timed_out,
                reply_too_large=reply.full,
                cancelled=stopped,
            )

    def close(self) -> None:
        """See :meth:`participant_kit.execution.sandbox.base.Sandbox.close`."""


class _Reader(threading.Thread):
    """Reads a stream to its end, and keeps the first ``limit`` bytes."""

    def __init__(self, stream: IO[bytes] | None, limit: int) -> None:
        super().__init__(daemon=True)
        self.content, self.full = bytearray(), False
        self._stream, self._limit = stream, limit
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while self._stream and (chunk := os.read(self._stream.fileno(), 1 << 16)):
                self.content += chunk[: self._limit - len(self.content)]
                self.full = len(self.content) == self._limit


def _start(command: Command, work: Path, *, keep_log: bool) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    for name, value in command.environment.items():
        if name == "PATH":
            environment["PATH"] = os.pathsep.join([str(Path(_program(command)).parent), environment.get("PATH", "")])
        else:
            environment[name] = value.replace(WORK_DIR, str(work)) if value.startswith(WORK_DIR) else value
    environment |= {"PKIT_WORK": str(work), "PKIT_DATA": str(work / "data")}
    if os.name == "nt":
        environment |= {
            "USERPROFILE": str(work / "home"),
            "APPDATA": str(work / "home"),
            "TEMP": str(work / "tmp"),
        }
    try:
        return subprocess.Popen(
            [_program(command), *(_outside(command, word) for word in command.argv[1:])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if keep_log else subprocess.DEVNULL,
            env=environment,
            cwd=work,
            start_new_session=True,
        )
    except OSError as error:
        hint = "Make the environment anew with: pkit join"
        raise ExecutionError(f"The challenge's Python cannot be started: {error.strerror}.", hint=hint) from None


def _program(command: Command) -> str:
    """The interpreter outside; a virtual environment keeps it elsewhere on Windows."""
    program = Path(_outside(command, command.argv[0]))
    if os.name == "nt" and program.parent.name == "bin":
        program = program.parent.parent / "Scripts" / f"{program.name}.exe"
    return str(program)


def _outside(command: Command, word: str) -> str:
    """``word`` with the path inside a sandbox that it begins with turned into the one on this machine."""
    for mount in sorted(command.mounts, key=lambda mount: len(mount.target), reverse=True):
        if word == mount.target or word.startswith(mount.target + "/"):
            return str(mount.source) + word[len(mount.target) :]
    return word


def _write(stream: IO[bytes] | None, request: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):
        if stream:  # it stays open: its end would tell the other side that we are gone
            stream.write(struct.pack(">Q", len(request)) + request)
            stream.flush()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started; a kernel, in a session of its own, ends when its parent is gone."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], check=False, capture_output=True)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()

"""Sandboxes that are forked from a template: a process that has imported what they need, and has seen no data.

A program that is started imports numpy, pandas and a kernel each time: a second of both cores, and 200 MiB. A fork of
a process that has them takes milliseconds, and shares its memory. The template stands in a sandbox of its own; see
:mod:`participant_kit.execution.sandbox.template_guest` for how a run leaves it. Walls are the same as for a program
that is started, made by the same options, and tested by the same probes and attacks.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.sandbox import bubblewrap, template_guest, view
from participant_kit.execution.sandbox.base import WORK_DIR, Command, Ended, Handover, Mount
from participant_kit.execution.sandbox.bubblewrap import Bubblewrap, memory_file
from participant_kit.execution.sandbox.cgroup import Cgroup, create_cgroup
from participant_kit.execution.sandbox.clocks import own_clocks
from participant_kit.execution.sandbox.process import (
    Running,
    attend,
    cgroup_for,
    end_all,
    in_group,
    open_family,
    resource_limits,
)
from participant_kit.execution.sandbox.seccomp import compile_filter

_PATIENCE = 20.0
"""Seconds in which the template answers, or is taken for dead."""

_OUTER = (
    *("unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup"),
    *("--fork", "--kill-child", "--mount-proc"),
)
"""The template's own namespaces. ``/proc`` is whole, because the kernel lets no one who sees a part mount another."""

_GUEST = "/template_guest.py"


class TemplateSandbox:
    """The sandbox ``bubblewrap``, forked from a template of the command; the last ``most`` templates are kept.

    What is no Python script is started without one, and so is what is to be started alone.
    """

    name: ClassVar[str] = "template"
    contained: ClassVar[bool] = True

    def __init__(self, program: str = "bwrap", most: int = 4) -> None:
        self._sandbox, self._most = Bubblewrap(program), most
        self._templates: list[_Template] = []
        self._lock = threading.Lock()

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
        if not command.confined or command.alone:
            return self._sandbox.run(command, request, max_reply=max_reply, max_log=max_log, cancelled=cancelled)
        with cgroup_for(command.limits) as group:
            running = self._fork(command, group, keep_log=max_log > 0)
            return attend(
                running,
                request,
                command.limits,
                group,
                time.monotonic(),
                max_reply=max_reply,
                max_log=max_log,
                cancelled=cancelled,
            )

    def _fork(self, command: Command, group: Cgroup | None, *, keep_log: bool) -> Running:
        """A run of a template, made anew once where it has died."""
        template = self._template_of(command)
        try:
            return template.fork(group, keep_log=keep_log)
        except ExecutionError:
            self._drop(template)
            return self._template_of(command).fork(group, keep_log=keep_log)

    def _template_of(self, command: Command) -> _Template:
        """The template of ``command``, started unless there is one."""
        with self._lock:
            template = next((one for one in self._templates if one.command == command and one.alive), None)
            if template is None:
                template = _Template(self._sandbox.program, command)
            self._templates = [*(one for one in self._templates if one is not template and one.alive), template]
            old, self._templates = self._templates[: -self._most], self._templates[-self._most :]
        for one in old:
            one.close()
        return template

    def _drop(self, template: _Template) -> None:
        with self._lock:
            self._templates = [one for one in self._templates if one is not template]
        template.close()

    def close(self) -> None:
        """See :meth:`participant_kit.execution.sandbox.base.Sandbox.close`; what was forked ends too."""
        with self._lock:
            old, self._templates = self._templates, []
        for one in old:
            one.close()


class _Template:
    """The template of one command: it sees the mounts that runs have, and opens none of the data."""

    def __init__(self, program: str, command: Command) -> None:
        self.command, self._settled, self._usable = command, threading.Event(), False
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        contents = view.files(command.limits)
        setup = memory_file(json.dumps(_setup(program, command, contents)).encode())
        files = {path: memory_file(content) for path, content in contents.items() if not path.startswith("/proc")}
        seccomp = memory_file(compile_filter(makes_sandboxes=True))
        passed = [theirs.fileno(), setup, seccomp, *files.values()]
        python = command.argv[0]
        argv = [*_OUTER, program, *_options(command, seccomp, files), python, "-I", _GUEST]
        argv += [str(theirs.fileno()), str(setup)]
        self._group = create_cgroup(command.limits)
        try:
            self._process = subprocess.Popen(
                in_group([*own_clocks(), *argv], self._group),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=passed,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                start_new_session=True,
            )
        except OSError as error:
            if self._group:
                self._group.remove()
            raise ExecutionError(f"The sandbox cannot be started: {error.strerror}.") from None
        finally:
            theirs.close()
            for descriptor in passed[1:]:
                os.close(descriptor)
        threading.Thread(target=self._await, daemon=True).start()

    def _await(self) -> None:
        with contextlib.suppress(OSError):
            self._usable = self._control.recv(16) == b"ready"
        self._settled.set()

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def fork(self, group: Cgroup | None, *, keep_log: bool) -> _Forked:
        """A run of it, in ``group``; its first process reads its request. Raises :class:`ExecutionError`."""
        if not self._settled.wait(_PATIENCE) or not self._usable:
            raise ExecutionError(
                "The template of a sandbox does not come up.", hint="A runner works without: --sandbox bubblewrap"
            )
        return _Forked(self._control, resource_limits(self.command.limits, grouped=bool(group)), group, keep_log)

    def close(self) -> None:
        """End it, and all that was forked from it."""
        end_all(open_family(self._process.pid), self._process.wait)
        if self._group:
            self._group.remove()
        self._control.close()


class _Forked:
    """One run of a template; a :class:`participant_kit.execution.sandbox.process.Running`."""

    def __init__(self, control: socket.socket, limits: dict[str, int], group: Cgroup | None, keep_log: bool) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.settimeout(_PATIENCE)
        self._held: dict[int, int] = {}
        inside, self.stdin = os.pipe()
        self.stdout, outside = os.pipe()
        given = [theirs.fileno(), inside, outside]
        self.stderr: int | None = None
        if keep_log:
            self.stderr, errors = os.pipe()
            given.append(errors)
        try:
            socket.send_fds(control, [json.dumps({"limits": limits}).encode()], given)
            theirs.close()
            self.pid = self._receive(b"started")
            for path in group.join_files if group else ():
                path.write_text(str(self.pid))
            self._channel.send(b"go")
            self._receive(b"made")
        except (OSError, ValueError) as error:
            self.end()
            raise ExecutionError(f"The template made no sandbox: {error}") from None
        finally:
            theirs.close()
            for descriptor in given[1:]:
                os.close(descriptor)
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                os.set_blocking(stream, False)

    def _receive(self, expected: bytes) -> int:
        """The process of which a descriptor comes with the message ``expected``."""
        message, descriptors, _, _ = socket.recv_fds(self._channel, 1 << 12, 1)
        if message != expected or len(descriptors) != 1:
            raise ValueError(message.decode("utf-8", "replace") or "it has ended")
        told = Path(f"/proc/self/fdinfo/{descriptors[0]}").read_text()
        pid = int(told.partition("\nPid:")[2].split()[0])
        if pid < 1:
            raise ValueError("it has ended")
        self._held[pid] = descriptors[0]
        return pid

    def end(self) -> int:
        """See :meth:`participant_kit.execution.sandbox.process.Running.end`."""
        below = {number: one for pid in self._held for number, one in open_family(pid).items()}
        for number in below.keys() & self._held.keys():
            os.close(below.pop(number))
        end_all(self._held | below)
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                os.close(stream)
        self._channel.settimeout(0)
        try:
            return int(self._channel.recv(16))
        except (OSError, ValueError):  # killed before it could tell
            return -9
        finally:
            self._channel.close()


def _setup(program: str, command: Command, contents: dict[str, bytes]) -> dict[str, object]:
    """What the template is told when it starts; paths are those inside."""
    inside = replace(command, mounts=tuple(Mount(Path(mount.target), mount.target) for mount in command.mounts))
    numbers = {path: template_guest.FIRST + number for number, path in enumerate(contents, 1)}
    return {
        "bwrap": program,
        "options": bubblewrap.options(replace(inside, confined=False), template_guest.FIRST, numbers),
        "files": [content.hex() for content in (compile_filter(), *contents.values())],
        "confine": view.CONFINE,
        "policy": view.policy(command),
        "script": command.argv[-1],
        "preload": command.preload,
    }


def _options(command: Command, seccomp: int, files: dict[str, int]) -> list[str]:
    """Bubblewrap's options for the template itself, inside :data:`_OUTER`."""
    guest = Mount(Path(template_guest.__file__), _GUEST)
    options = ["--unshare-user", "--die-with-parent", "--new-session", "--uid", str(view.UID), "--gid", str(view.UID)]
    options += ["--cap-drop", "ALL", "--clearenv", "--seccomp", str(seccomp)]
    for folder in view.system_folders():
        options += ["--ro-bind", str(folder), str(folder)]
    options += ["--bind", "/proc", "/proc", "--size", "65536", "--tmpfs", "/dev"]
    for device in view.DEVICES:
        options += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    for path, descriptor in files.items():
        options += ["--ro-bind-data", str(descriptor), path]
    for mount in (*view.mounts(command), guest):
        options += ["--ro-bind", str(mount.source), mount.target]
    options += ["--size", str(command.limits.disk), "--tmpfs", WORK_DIR, "--dir", f"{WORK_DIR}/home"]
    options += ["--dir", f"{WORK_DIR}/tmp"]  # noqa: S108 - a path inside
    options += ["--size", str(view.SHARED_MEMORY), "--tmpfs", view.SHARED_MEMORY_DIR]
    for name, target in view.system_links().items():
        options += ["--symlink", target, name]
    for name, value in command.environment.items():
        options += ["--setenv", name, value]
    return [*options, "--dir", "/tmp", "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK_DIR, "--"]  # noqa: S108

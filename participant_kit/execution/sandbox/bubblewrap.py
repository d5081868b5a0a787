"""The default sandbox: bubblewrap, which needs no daemon and no privilege."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping
from typing import ClassVar

from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.sandbox import view
from participant_kit.execution.sandbox.base import WORK_DIR, Command, Ended, Handover
from participant_kit.execution.sandbox.process import cgroup_for, inner_limits, run_process
from participant_kit.execution.sandbox.seccomp import compile_filter

_STREAMS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}


class Bubblewrap:
    """Namespaces by ``bwrap``: all unshared, no capability, no new user namespace, a seccomp allow-list."""

    name: ClassVar[str] = "bubblewrap"
    contained: ClassVar[bool] = True

    def __init__(self, program: str = "bwrap") -> None:
        found = shutil.which(program)
        if found is None:
            raise ExecutionError("bubblewrap is not installed.", hint="Run: sudo apt-get install bubblewrap")
        self.program = found
        """The path of ``bwrap``."""

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
        seccomp = memory_file(compile_filter())
        contents = {path: memory_file(content) for path, content in view.files(command.limits).items()}
        files = [seccomp, *contents.values()]
        try:
            with cgroup_for(command.limits) as group:
                argv = [self.program, *options(command, seccomp, contents)]
                return run_process(
                    [*argv, *inner_limits(command.limits, grouped=bool(group)), *view.argv(command)],
                    request,
                    command.limits,
                    group,
                    pass_fds=files,
                    max_reply=max_reply,
                    max_log=max_log,
                    cancelled=cancelled,
                )
        finally:
            for descriptor in files:
                os.close(descriptor)

    def close(self) -> None:
        """See :meth:`participant_kit.execution.sandbox.base.Sandbox.close`."""


def options(command: Command, seccomp: int, contents: Mapping[str, int]) -> list[str]:
    """How bubblewrap is told the walls of ``command``; ``seccomp`` and ``contents`` are descriptors of files."""
    words = [
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--die-with-parent",
        "--new-session",
        "--as-pid-1",
    ]
    words += ["--uid", str(view.UID), "--gid", str(view.UID), "--hostname", "sandbox", "--cap-drop", "ALL"]
    words += ["--clearenv", "--seccomp", str(seccomp)]
    for folder in view.system_folders():
        words += ["--ro-bind", str(folder), str(folder)]
    words += ["--proc", "/proc", "--size", "65536", "--tmpfs", "/dev"]
    for device in view.DEVICES:
        words += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    for name, target in _STREAMS.items():
        words += ["--symlink", target, f"/dev/{name}"]
    words += ["--size", str(view.SHARED_MEMORY), "--tmpfs", view.SHARED_MEMORY_DIR]
    for masked in view.masked():
        if masked.is_dir():
            words += ["--size", "4096", "--tmpfs", str(masked), "--remount-ro", str(masked)]
        else:
            words += ["--ro-bind", "/dev/null", str(masked)]
    for path, descriptor in contents.items():
        words += ["--ro-bind-data", str(descriptor), path]
    for mount in view.mounts(command):
        words += ["--bind" if mount.shared else "--ro-bind", str(mount.source), mount.target]
    words += ["--size", str(command.limits.disk), "--tmpfs", WORK_DIR]
    for name, target in {**view.system_links(), "/tmp": f"{WORK_DIR}/tmp", **command.links}.items():  # noqa: S108 - a path inside
        words += ["--symlink", target, name]
    for name, value in command.environment.items():
        words += ["--setenv", name, value]
    return [*words, "--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK_DIR, "--"]


def memory_file(content: bytes) -> int:
    """A descriptor of a file in memory."""
    descriptor = os.memfd_create("sandbox")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor

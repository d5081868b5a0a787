"""The template's program: imports once what each run needs, and becomes a sandbox for each, by a fork.

It is mounted as a single file beside confine.py, and stands in a sandbox of its own: no network, no data, nothing to
write to, no process of this machine. What it makes for a run is a second one inside that: namespaces, mounts and host
name by bubblewrap, which are entered (setns(2)) before anything of a participant is there. Then every capability is
dropped, and the limits, Landlock and the filter of system calls are put up, as they are for a program that is started.

A run is this process, its *parent* (a fork, which makes the walls and waits) and the first process inside (a fork of
that). The parent speaks with the runner over a socket of the run's own: ``started`` with a descriptor of itself, so
that the runner puts it into the run's control group; after ``go`` it makes the walls, and says ``made`` with a
descriptor of the process that holds them, or ``failed`` and why; in the end the exit code.

What this process has imported is shared, copy on write, by all that is forked from it. So is the layout of its
memory, which is new each time it is started, and the seed of hashes.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
import traceback
from types import CodeType
from typing import Any, NoReturn

FIRST = 100
"""The descriptor under which bubblewrap finds the first of the files that it is given, the filter."""

_NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
"""CLONE_NEWUSER, NEWNS, NEWPID, NEWNET, NEWIPC, NEWUTS, NEWCGROUP."""

_SET_PDEATHSIG, _SET_DUMPABLE, _SET_SECCOMP, _CAPBSET_DROP = 1, 4, 22, 24
_SET_CHILD_SUBREAPER, _SET_NO_NEW_PRIVS, _CAP_AMBIENT, _CLEAR_ALL = 36, 38, 47, 4
_CAPABILITY_VERSION = 0x20080522

_HOLD = ("/bin/sh", "-c", "echo && exec sleep infinity <&- >&- 2>&-")
"""What stands in the namespaces, as their first process, while they are in use."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_char_p))


def main() -> None:
    """Import, then fork for every request that comes, until the runner is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    with open(int(sys.argv[2]), "rb") as file:  # noqa: PTH123 - a descriptor
        setup = json.load(file)
    confine = runpy.run_path(setup["confine"])
    with open(setup["script"], "rb") as file:  # noqa: PTH123 - as confine.py reads it
        code = compile(file.read(), setup["script"], "exec")
    for module in setup["preload"]:
        with contextlib.suppress(Exception):  # who needs it says it better
            _preload(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to wait for a run
    gc.collect()
    gc.freeze()
    control.send(b"ready")
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 4)
        if not request:
            os._exit(0)
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _run(setup, json.loads(request)["limits"], descriptors, confine["restrict"], code)
        for descriptor in descriptors:
            os.close(descriptor)


def _preload(what: str) -> None:
    """Import a module, and call what stands behind a colon; a path is where modules are."""
    if what.startswith("/"):
        sys.path.insert(0, what)
        return
    name, _, function = what.partition(":")
    module = importlib.import_module(name)
    if function:
        getattr(module, function)()


def _run(
    setup: dict[str, Any], limits: dict[str, int], descriptors: list[int], restrict: Any, code: CodeType
) -> NoReturn:
    """The parent of one run."""
    channel, streams = socket.socket(fileno=descriptors[0]), descriptors[1:]
    try:
        socket.send_fds(channel, [b"started"], [os.pidfd_open(os.getpid())])
        if channel.recv(16) != b"go":
            os._exit(0)
        maker, walls = _make_walls(setup)
        socket.send_fds(channel, [b"made"], [walls])
        _check(_libc.setns(walls, _NAMESPACES), "setns")
        child = os.fork()
    except OSError as error:
        channel.send(f"failed {error.strerror or error}".encode())
        os._exit(1)
    if child == 0:
        try:
            _enter(setup, limits, streams, restrict)
            sys.argv[:] = [setup["script"]]
            exec(code, {"__name__": "__main__", "__file__": setup["script"], "__builtins__": __builtins__})  # noqa: S102
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        sys.stdout.flush()
        os._exit(0)
    for descriptor in streams:
        os.close(descriptor)
    _, status = os.waitpid(child, 0)
    maker.kill()
    maker.wait()
    channel.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _make_walls(setup: dict[str, Any]) -> tuple[subprocess.Popen[bytes], int]:
    """Let bubblewrap make the run's namespaces and mounts: it, and a descriptor of the process that holds them."""
    files = range(FIRST, FIRST + len(setup["files"]))
    for descriptor, content in zip(files, setup["files"], strict=True):
        made = os.memfd_create("sandbox")
        os.write(made, bytes.fromhex(content))
        os.lseek(made, 0, os.SEEK_SET)
        os.dup2(made, descriptor)
        os.close(made)
    told, tell = os.pipe()
    maker = subprocess.Popen(
        [setup["bwrap"], "--info-fd", str(tell), *setup["options"], *_HOLD],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[*files, tell],
    )
    os.close(tell)
    if not (maker.stdout and maker.stderr and maker.stdout.readline()):
        raise OSError(0, (maker.stderr.read().decode("utf-8", "replace") if maker.stderr else "").strip())
    with open(told, "rb") as file:  # noqa: PTH123 - a descriptor
        return maker, os.pidfd_open(json.load(file)["child-pid"])


def _enter(setup: dict[str, Any], limits: dict[str, int], streams: list[int], restrict: Any) -> None:
    """Become the first process of the run, inside its walls, with nothing in hand but its streams."""
    _check(_libc.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "parent")
    _check(_libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "subreaper")
    os.setsid()
    if len(streams) < 3:
        streams = [*streams, os.open("/dev/null", os.O_WRONLY)]
    for target, descriptor in enumerate(streams):
        os.dup2(descriptor, target)
    os.closerange(3, 1 << 20)
    os.chdir(os.environ["PWD"])
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (most, most))
    for capability in range(64):
        if _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0):  # there is none of that number
            break
    _check(_libc.prctl(_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0), "ambient capabilities")
    header, nothing = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    _check(_libc.capset(header, nothing), "capabilities")
    _check(_libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _check(_libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0), "dumpable")
    restrict(*(setup["policy"][name] for name in ("list", "read", "write", "share")))
    filter_ = bytes.fromhex(setup["files"][0])
    program = _Filter(len(filter_) // 8, filter_)
    _check(_libc.prctl(_SET_SECCOMP, 2, ctypes.byref(program), 0, 0), "seccomp")


def _check(result: int, what: str) -> None:
    if result:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()

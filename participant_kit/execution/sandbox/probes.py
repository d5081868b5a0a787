"""The self-test of a sandbox: tries from inside to get out, and reports what happened.

A runner does not start when a probe gets out. Each probe uses the same way in as a submission does.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from participant_kit.challenge.card import Limits
from participant_kit.execution.sandbox import probe_guest, view
from participant_kit.execution.sandbox.base import Ended, Sandbox
from participant_kit.execution.sandbox.confine import landlock_version
from participant_kit.execution.sandbox.process import cgroup_for
from participant_kit.execution.sandbox.seccomp import call_number

LIMITS = Limits.model_validate({"wall_time": "30 s", "cpus": 1, "memory": "256 MiB", "disk": "16 MiB", "processes": 32})

WALLS = {
    "network": "connect to a port of this machine, to the world by IPv4 and IPv6",
    "socket families": "open netlink, packet, vsock and other sockets",
    "files outside": "see a file, /etc/shadow, /var/log, /run, /home of this machine",
    "landlock": "list /, as the mounts would allow",
    "processes outside": "see a process of this machine",
    "read-only system": "write to /, /usr, /etc, /dev, /proc/sys",
    "host kernel settings": "open core_pattern, drop_caches, sysrq-trigger and others for writing",
    "environment": "read a variable of the runner",
    "descriptors": "find an open file of the runner",
    "devices": "find, open or make a device, a pseudo-terminal",
    "terminal": "type into a terminal: TIOCSTI, TIOCLINUX, with high bits set",
    "user and capabilities": "hold a capability, or gain one",
    "system calls": "ptrace, bpf, perf, keyctl, userfaultfd, io_uring, mount, System V IPC and more",
    "other architectures": "call the kernel as a 32-bit program, and by x32",
    "namespaces": "make or enter a namespace",
    "kernel interfaces": "read kallsyms, kmsg, interrupts, locks, /proc/sys, /sys and more",
    "host name": "read this machine's name",
    "clocks": "read how long this machine has been up",
    "load": "see in /proc what else this machine does",
    "disk": "write four times the limit",
    "processes": "start 200 processes",
    "memory": "fill four times the limit",
    "time": "run longer than the limit",
    "process tree": "outlive the sandbox: two forks, new sessions, deaf to signals, no parent to die with",
    "cgroup": "bound memory, processes and CPU of all processes together",
}
"""What each probe tries, by the wall's name."""

CALLS = """
add_key acct bpf chroot clock_settime clone3 delete_module fanotify_init finit_module fsconfig fsmount fsopen fspick
get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load
keyctl lookup_dcookie mbind memfd_create memfd_secret migrate_pages mincore mount mount_setattr move_mount move_pages
mq_open msgget name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open personality pidfd_getfd
pivot_root process_madvise process_vm_readv process_vm_writev ptrace quotactl reboot request_key semget set_mempolicy
setdomainname sethostname setns settimeofday shmat shmget swapoff swapon syslog umount2 unshare uselib userfaultfd
vhangup vmsplice
""".split()  # noqa: SIM905 - a list would be seventy lines
"""System calls that a probe makes, each of which must be unknown inside."""

HELD, OUT, NOT_AVAILABLE = "held", "out", "not available"


@dataclass(frozen=True)
class Probe:
    """One attempt on a wall: what was ``tried``, its ``outcome``, and what was seen.

    The outcome is ``held``, ``out``, or ``not available`` where this kernel, or this user on it, has no such wall.
    """

    wall: str
    outcome: str
    detail: str

    @property
    def tried(self) -> str:
        """What the probe did."""
        return WALLS[self.wall]

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for ``--json``."""
        return {**asdict(self), "tried": self.tried}


def probe_sandbox(sandbox: Sandbox) -> Iterator[Probe]:
    """Every probe of ``sandbox``; one to two seconds for all.

    Raises :class:`~participant_kit.execution.errors.ExecutionError` when the sandbox cannot be made at all.
    """
    if not sandbox.contained:
        yield from (_probe(wall, False, f"{sandbox.name} does not hold hostile code") for wall in WALLS)
        return
    name = f"pkit-{uuid.uuid4().hex[:10]}"
    seconds = 1
    with ThreadPoolExecutor() as pool:  # beside one another: a runner starts with this
        memory = pool.submit(_run, sandbox, LIMITS, "memory")
        stay = pool.submit(_stay, sandbox, seconds, name)
        seen, failure = _look_around(sandbox)
    if failure:
        yield from (_probe(wall, False, failure) for wall in WALLS)
        return
    for wall, (held, detail) in seen.items():
        yield _probe(wall, held, detail)
    ended = memory.result()
    detail = "stopped at its limit" if b"allocated" not in ended.reply else "allocated four times its limit"
    yield _probe("memory", b"allocated" not in ended.reply, detail)
    ended = stay.result()
    if ended.reply.count(b"here") < 4:  # a machine under load has not begun in a second
        seconds = 10
        ended = _stay(sandbox, seconds, name)
    left = sum(name == other for other in _process_names())
    yield _probe("time", ended.timed_out, f"stopped after {ended.seconds:.1f} s of {seconds} s")
    stayed = ended.reply.count(b"here")
    yield _probe("process tree", stayed == 4 and not left, f"{left} of {stayed} processes are left")
    with cgroup_for(LIMITS) as group:
        where = f"version {group.version}" if group else "a control group that is lent to this user"
    yield _probe("cgroup", True if group else None, where)


def _probe(wall: str, held: bool | None, detail: str) -> Probe:
    if held is None:
        return Probe(wall, NOT_AVAILABLE, f"not available on this kernel: {detail}")
    return Probe(wall, HELD if held else OUT, detail)


def _look_around(sandbox: Sandbox) -> tuple[dict[str, tuple[bool | None, str]], str]:
    """What one process inside sees, while a secret file, a listening port and a process wait outside.

    By wall; with it, why there is nothing, if so.
    """
    with tempfile.TemporaryDirectory(prefix="pkit-probe-") as outside, socket.create_server(("127.0.0.1", 0)) as server:
        secret = Path(outside) / "secret"
        secret.write_text("secret")
        ended = _run(
            sandbox,
            LIMITS,
            "look around",
            secret=str(secret),
            port=server.getsockname()[1],
            calls={name: number for name in CALLS if (number := call_number(name)) is not None},
            release=os.uname().release,
            landlock=landlock_version(),
            boottime=time.clock_gettime(time.CLOCK_BOOTTIME),
        )
    with contextlib.suppress(ValueError):
        return json.loads(ended.reply), ""
    log = ended.log.decode("utf-8", "replace").strip().splitlines()
    return {}, log[-1] if log else f"nothing came back (exit code {ended.exit_code})"


def _process_names() -> Iterator[str]:
    """The names of all processes that live; what has ended and waits for its parent to notice does not."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            name, _, rest = path.read_text().partition("(")[2].rpartition(")")
            if rest.split()[0] not in "ZX":
                yield name


def _stay(sandbox: Sandbox, seconds: int, name: str) -> Ended:
    return _run(sandbox, LIMITS.model_copy(update={"wall_time": timedelta(seconds=seconds)}), "stay", name=name)


def _run(sandbox: Sandbox, limits: Limits, attempt: str, **question: Any) -> Ended:
    python = str(Path(sys.executable).resolve())
    command = view.script(python, Path(probe_guest.__file__), (), limits)
    request = json.dumps({"try": attempt, **question}).encode()
    return sandbox.run(command, request, max_reply=1 << 16, max_log=1 << 12)

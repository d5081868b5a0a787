"""What a sandbox shows of this machine besides its mounts: the same for every kind of sandbox."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from participant_kit.challenge.card import Limits
from participant_kit.execution.sandbox import confine
from participant_kit.execution.sandbox.base import WORK_DIR, Command, Mount

UID = 65534
"""Nobody, inside."""

SYSTEM = ("/usr", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf.d", "/etc/ld.so.conf")
"""Read-only, where they exist: programs and shared libraries, no configuration of this machine."""

LINKS = {name: f"usr/{name}" for name in ("bin", "lib", "lib32", "lib64", "sbin")}
"""Top-level links of a merged ``/usr``."""

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
"""Every device inside. There is no pseudo-terminal."""

_PROC = {"cpuinfo", "filesystems", "loadavg", "meminfo", "mounts", "net", "self", "stat", "thread-self", "uptime"}
"""What is left of ``/proc`` besides processes. The rest is hidden, so that a new kernel's new file is, too."""

STARTED = 1000
"""Seconds that the machine seems to have been up when a sandbox starts."""

ACCOUNTS = "nobody:x:65534:65534:nobody:/work/home:/usr/sbin/nologin\n"
"""What stands in ``/etc/passwd``."""

SHARED_MEMORY_DIR = "/dev/shm"  # noqa: S108 - a path inside
SHARED_MEMORY = 64 << 20
"""Bytes of ``/dev/shm``."""

CONFINE = "/confine.py"
"""Where the program that puts up the second wall stands inside."""


def system_folders() -> list[Path]:
    """The parts of :data:`SYSTEM` that this machine has."""
    return [path for path in map(Path, SYSTEM) if path.exists()]


def system_links() -> dict[str, str]:
    """``/bin`` and its like: name to target, for those that are links here too."""
    return {f"/{name}": target for name, target in LINKS.items() if Path(f"/{name}").is_symlink()}


@cache
def masked() -> list[Path]:
    """Files and folders of ``/proc`` that are hidden behind an empty file or folder."""
    return sorted(path for path in Path("/proc").iterdir() if not path.name.isdigit() and path.name not in _PROC)


def files(limits: Limits) -> dict[str, bytes]:
    """Files of the sandbox's own, path inside to content: what they say of load, memory and uptime never changes.

    The real ones tell what else this machine does, and so what a run beside this one does.
    """
    cpus = _processors()
    ticks = "".join(f"cpu{number} 0 0 0 0 0 0 0 0 0 0\n" for number in range(cpus))
    memory = limits.memory >> 10
    return {
        "/etc/passwd": ACCOUNTS.encode(),
        "/proc/cpuinfo": _cpuinfo(),
        "/proc/loadavg": b"0.00 0.00 0.00 1/1 1\n",
        "/proc/meminfo": (
            f"MemTotal: {memory} kB\nMemFree: {memory} kB\nMemAvailable: {memory} kB\nBuffers: 0 kB\nCached: 0 kB\n"
            "SwapCached: 0 kB\nActive: 0 kB\nInactive: 0 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\nShmem: 0 kB\nSlab: 0 kB\n"
        ).encode(),
        "/proc/stat": (
            f"cpu  0 0 0 0 0 0 0 0 0 0\n{ticks}intr 0\nctxt 0\nbtime 0\nprocesses 1\nprocs_running 1\n"
            "procs_blocked 0\nsoftirq 0\n"
        ).encode(),
        "/proc/uptime": f"{STARTED}.00 {STARTED}.00\n".encode(),
    }


@cache
def _cpuinfo() -> bytes:
    """The processors as they are, but for their clock rate, which follows the load."""
    return re.sub(rb"(?m)^(cpu MHz\s*:).*", rb"\1 1000.000", Path("/proc/cpuinfo").read_bytes())


@cache
def _processors() -> int:
    return len(re.findall(rb"(?m)^cpu\d+ ", Path("/proc/stat").read_bytes()))


def mounts(command: Command) -> list[Mount]:
    """What ``command`` mounts, and the program that puts up the second wall."""
    return [*command.mounts, Mount(Path(confine.__file__), CONFINE)] if command.confined else list(command.mounts)


def argv(command: Command) -> list[str]:
    """What is started inside: the command, behind the second wall if it is a script."""
    if not command.confined:
        return list(command.argv)
    python, *_, script = command.argv
    return [python, "-I", "-S", CONFINE, json.dumps(policy(command)), script]


def policy(command: Command) -> dict[str, list[str]]:
    """What the second wall leaves: paths that may be listed, read, written, and written for another run."""
    devices = [f"/dev/{name}" for name in DEVICES]
    read = [*map(str, system_folders()), *(mount.target for mount in command.mounts), "/etc/passwd", "/proc", "/dev"]
    tops = {"/" + mount.target.split("/")[1] for mount in command.mounts if mount.target.count("/") > 1}
    shared = [mount.target for mount in command.mounts if mount.shared]
    return {"list": sorted(tops), "read": read, "write": [WORK_DIR, SHARED_MEMORY_DIR, *devices], "share": shared}


def script(
    python: str, path: Path, mounts: tuple[Mount, ...], limits: Limits, links: Mapping[str, str] | None = None
) -> Command:
    """The Python script ``path`` of this machine as a command, run by ``python`` (a path inside) behind both walls."""
    base = Path(sys.base_prefix)
    interpreter = [] if base == Path("/usr") else [Mount(base, str(base))]
    target = f"/{path.name}"
    return Command(
        argv=(python, "-I", target),
        mounts=(*interpreter, *mounts, Mount(path, target)),
        limits=limits,
        environment=environment(limits, str(Path(python).parent)),
        links=links or {},
        confined=True,
    )


def environment(limits: Limits, path: str) -> dict[str, str]:
    """Every environment variable inside; nothing of this process's own."""
    threads = str(limits.cpus)
    return {
        "PATH": f"{path}:/usr/bin:/bin",
        "HOME": f"{WORK_DIR}/home",
        "TMPDIR": f"{WORK_DIR}/tmp",  # noqa: S108 - a path inside
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "OMP_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "PASSIVE",  # a thread that waits by spinning uses up the bound on CPU of those that work
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "LOKY_MAX_CPU_COUNT": threads,
    }

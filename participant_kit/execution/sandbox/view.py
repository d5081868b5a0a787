"""What a sandbox shows of this machine besides its mounts: the same for every kind of sandbox."""

from __future__ import annotations

from pathlib import Path

from participant_kit.challenge.card import Limits
from participant_kit.execution.sandbox.base import WORK_DIR

UID = 65534
"""Nobody, inside."""

SYSTEM = ("/usr", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf.d", "/etc/ld.so.conf")
"""Read-only, where they exist: programs and shared libraries, no configuration of this machine."""

LINKS = {name: f"usr/{name}" for name in ("bin", "lib", "lib32", "lib64", "sbin")}
"""Top-level links of a merged ``/usr``."""

MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/bus", "/proc/cmdline", "/proc/config.gz", "/proc/driver", "/proc/fs",
    "/proc/interrupts", "/proc/irq", "/proc/kallsyms", "/proc/kcore", "/proc/key-users", "/proc/keys", "/proc/kmsg",
    "/proc/kpagecount", "/proc/kpageflags", "/proc/latency_stats", "/proc/modules", "/proc/pagetypeinfo",
    "/proc/sched_debug", "/proc/scsi", "/proc/slabinfo", "/proc/softirqs", "/proc/sysrq-trigger",
    "/proc/timer_list", "/proc/vmallocinfo", "/proc/vmstat", "/proc/zoneinfo",
)  # fmt: skip
"""Hidden behind an empty file or folder."""

ACCOUNTS = "nobody:x:65534:65534:nobody:/work/home:/usr/sbin/nologin\n"
"""What stands in ``/etc/passwd``."""

SHARED_MEMORY = 64 << 20
"""Bytes of ``/dev/shm``."""


def system_folders() -> list[Path]:
    """The parts of :data:`SYSTEM` that this machine has."""
    return [path for path in map(Path, SYSTEM) if path.exists()]


def system_links() -> dict[str, str]:
    """``/bin`` and its like: name to target, for those that are links here too."""
    return {f"/{name}": target for name, target in LINKS.items() if Path(f"/{name}").is_symlink()}


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

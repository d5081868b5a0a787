"""Whether a table fits into memory, asked before it is read; and a bound on what reading a file may take."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from participant_kit.challenge.errors import ChallengeError

COPIES = 4
"""A table that is read, typed and split takes at its peak so many times its own size."""
_one = threading.Lock()
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def available_memory() -> int:
    """Bytes that are free on this machine, or the limit of the container, if that is less."""
    import psutil  # type: ignore[import-untyped]  # which takes parts of each system that others do not have

    free = int(psutil.virtual_memory().available)
    for path in _LIMITS if sys.platform == "linux" else ():
        try:
            free = min(free, int(path.read_text()))
        except (OSError, ValueError):  # no such file; or "max", which is no limit
            continue
    return free


def check_memory(name: str, size: int, memory: int | None = None) -> None:
    """Refuse the table in the file ``name``, of about ``size`` bytes in memory, when ``memory`` bytes are too few.

    ``memory`` is what is available, unless given. Raises :class:`ChallengeError` that names both figures.
    """
    need, have = COPIES * size, available_memory() if memory is None else memory
    if need > have:
        raise ChallengeError(
            f"{name} needs about {_shown(need)} of memory, and {_shown(have)} are available.",
            hint="Convert it to Parquet with small types, take a random subset of the rows (or of the persons, each "
            "with all rows), or use a machine with more memory.",
        )


def _shown(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"


@contextmanager
def at_most(more: int) -> Iterator[None]:
    """Let this process reserve ``more`` bytes than it has, while in the block; beyond is a MemoryError.

    Of all its threads together. On Linux, by RLIMIT_DATA (setrlimit(2)); elsewhere nothing is bounded.
    """
    if sys.platform != "linux":
        yield
        return
    from resource import RLIM_INFINITY, RLIMIT_DATA, getrlimit, setrlimit

    with _one:  # or the second to leave would put back the bound of the first
        soft, hard = getrlimit(RLIMIT_DATA)
        bound = _reserved() + more
        setrlimit(RLIMIT_DATA, (bound if soft == RLIM_INFINITY else min(bound, soft), hard))
        try:
            yield
        finally:
            setrlimit(RLIMIT_DATA, (soft, hard))


def _reserved() -> int:
    """Bytes of data that this process has reserved, touched or not."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmData:")[2].split(maxsplit=1)[0]) * 1024

"""One machine, two roles: only in a demonstration, and then never at the same time.

A blind run could speak to a rehearsal beside it through CPU load, memory or the page cache, and the rehearsal's
log would carry it out. Where both roles share a machine they take turns, and the page cache is dropped between
them. That narrows the channel; it is no arrangement for real data.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from participant_kit.protocol.keys import Role

_DROP_CACHES = Path("/proc/sys/vm/drop_caches")


def _turn_file() -> Path:
    """Names the roles that have worked here, the last one last."""
    return Path(tempfile.gettempdir()) / f"participant-kit-{os.getuid()}.turn"


@contextlib.contextmanager
def turn_of(role: Role) -> Iterator[None]:
    """Hold this machine for one job of ``role``; between jobs of different roles the page cache is dropped."""
    path = _turn_file()
    with FileLock(f"{path}.lock", mode=0o600):
        roles = path.read_text().split() if path.exists() else []
        if roles and roles[-1] != role.value:
            drop_page_cache()
        path.write_text(" ".join([*(other for other in roles if other != role.value), role.value]))
        yield


def drop_page_cache() -> bool:
    """Drop what can be dropped of the page cache; only root may. Returns whether it was done."""
    os.sync()
    try:
        _DROP_CACHES.write_text("1")
    except OSError:
        return False
    return True


def shared_roles() -> list[str]:
    """The roles that have worked on this machine since its temporary files were last cleared."""
    path = _turn_file()
    return sorted(set(path.read_text().split())) if path.exists() else []

"""A folder that two sandboxes share for as long as both run: ``/app/shared`` of programs that run beside each other.

It is the one place outside a sandbox where what runs inside can write. It stands in memory where this machine has
a file system there, so that the sandbox that writes pays for it; it has a bound; and whoever leaves a link in it, which
could lead the other to what it alone may read, ends both.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from participant_kit.execution.guest import MAX_FILES

_MEMORY = Path("/dev/shm")  # noqa: S108 - on purpose: it is no disk, on which something would be left
_PREFIX = "pkit-shared-"
_PAUSE = 0.05


class SharedFolder:
    """``path``, and ``wrong``: why it had to be given up, ``disk`` or ``output``, or None. ``stop`` is set then."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self.wrong, self.stop = path, "", threading.Event()
        self._limit = limit

    def watch(self, ended: threading.Event) -> None:
        """Look after it until ``ended``."""
        while not ended.wait(_PAUSE):
            self.look()
            if self.wrong:
                self.stop.set()
                return

    def look(self) -> None:
        """Find out what is wrong with it now."""
        size = count = 0
        pending = [self.path]
        while pending and not self.wrong:
            with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:  # it changes meanwhile
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    size, count = size + status.st_blocks * 512, count + 1
                    if stat.S_ISLNK(status.st_mode):
                        self.wrong = "output"
                    elif stat.S_ISDIR(status.st_mode):
                        pending.append(Path(entry.path))
                    if size > self._limit or count > MAX_FILES:
                        self.wrong = "disk"
                    if self.wrong:
                        break


@contextlib.contextmanager
def shared_folder(limit: int) -> Iterator[SharedFolder]:
    """A new one, of at most ``limit`` bytes and :data:`~participant_kit.execution.guest.MAX_FILES`; gone afterwards."""
    _remove_stale()
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
    folder, ended = SharedFolder(path, limit), threading.Event()
    watch = threading.Thread(target=folder.watch, args=(ended,), daemon=True)
    watch.start()
    try:
        yield folder
    finally:
        ended.set()
        watch.join()
        shutil.rmtree(path, ignore_errors=True)


def _remove_stale() -> None:
    """Take away what a process left that was killed: its number is in the name."""
    for place in {_MEMORY, Path(tempfile.gettempdir())}:
        for path in place.glob(f"{_PREFIX}[0-9]*-*"):
            with contextlib.suppress(ValueError, OSError):
                if path.stat().st_uid == os.getuid() and not Path(f"/proc/{int(path.name.split('-')[2])}").exists():
                    shutil.rmtree(path, ignore_errors=True)

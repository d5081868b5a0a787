"""Which notebooks have passed their rehearsal, so that the same one is not run again on the same sample."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

from participant_kit.secure_side.workplace import Facts

MOST = 10_000
"""Passes that are kept; the oldest go first."""


class Passes:
    """Empty files in ``folder``, named by the hash of a notebook and of the ``facts`` under which it passed.

    A file is there or not, whenever a runner is killed; one that is lost means a rehearsal more.
    """

    def __init__(self, folder: Path, facts: Facts) -> None:
        self._folder, self._facts = folder, "\n".join(astuple(facts)).encode()

    def has(self, notebook: bytes) -> bool:
        """Whether ``notebook`` has passed."""
        return self._path(notebook).exists()

    def add(self, notebook: bytes) -> None:
        """Remember that it has."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path(notebook).touch(mode=0o600)
        kept = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another runner's doing
                kept.append((path.stat().st_mtime_ns, path))
        for _, path in sorted(kept)[:-MOST]:
            path.unlink(missing_ok=True)

    def _path(self, notebook: bytes) -> Path:
        return self._folder / hashlib.sha256(self._facts + b"\n" + hashlib.sha256(notebook).digest()).hexdigest()

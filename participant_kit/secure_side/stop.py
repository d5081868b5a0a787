"""The stop button: the data holder ends a run by a file beside the egress log, which the runner looks for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from participant_kit.secure_side.egress import EgressLine
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.ledger import STARTED, Ledger

STOP = "stop"
_OFTEN = 0.2
"""Seconds between two looks."""


def running(ledger: Ledger) -> list[EgressLine]:
    """What a runner is at, oldest first."""
    return [line for line in ledger.open.values() if line.kind == STARTED]


def stop(state: Path, ledger: Ledger, submission: str) -> None:
    """Let the runner end ``submission``. Raises :class:`SecureSideError` when it runs nothing of that name."""
    if all(line.submission != submission for line in running(ledger)):
        raise SecureSideError(f"{submission} does not run.", hint="It may have ended; see: pkit holder egress")
    (state / STOP).mkdir(mode=0o700, exist_ok=True)
    (state / STOP / submission).touch()


def is_stopped(state: Path, submission: str) -> bool:
    """Whether the holder has said so."""
    return (state / STOP / submission).exists()


@contextlib.contextmanager
def ends(state: Path, submission: str, ended: threading.Event) -> Iterator[threading.Event]:
    """An event that is set once ``ended`` is, or the holder stops ``submission``."""
    either, over = threading.Event(), threading.Event()

    def look() -> None:
        while not over.is_set():
            if ended.wait(_OFTEN) or is_stopped(state, submission):
                either.set()
                return

    threading.Thread(target=look, daemon=True).start()
    try:
        yield either
    finally:
        over.set()
        (state / STOP / submission).unlink(missing_ok=True)

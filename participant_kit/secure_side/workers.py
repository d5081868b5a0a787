"""Who does a runner's orders: threads of its own, each of which drives a sandbox on this machine."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from participant_kit.challenge.card import Limits
from participant_kit.challenge.memory import available_memory
from participant_kit.secure_side.workplace import Done, Order, Workplace


class Workers(Protocol):
    """Does several orders at once."""

    jobs: int
    """How many at once."""

    def do(self, order: Order, cancelled: threading.Event) -> Done:
        """What came of ``order``, or that it was ``cancelled``. Raises :class:`SecureSideError`."""
        ...

    def close(self) -> None:
        """End; nothing is being done any more."""
        ...


class LocalWorkers:
    """``jobs`` threads at ``workplace``."""

    def __init__(self, workplace: Workplace, jobs: int) -> None:
        self.jobs = jobs
        self._workplace, self._executor = workplace, ThreadPoolExecutor(jobs, "order")

    def do(self, order: Order, cancelled: threading.Event) -> Done:
        """See :class:`Workers`."""
        return self._executor.submit(self._workplace.perform, order, cancelled).result()

    def close(self) -> None:
        """See :class:`Workers`."""
        self._executor.shutdown()
        self._workplace.close()


def jobs_here(limits: Limits) -> int:
    """As many as this machine can give what the card promises each: cores, memory, and disk, which is memory too.

    With more, what a notebook can do within its wall time would depend on who runs beside it.
    """
    cpus, memory = len(os.sched_getaffinity(0)), available_memory()
    return max(1, min(cpus // limits.cpus, memory // int(limits.memory + limits.disk)))

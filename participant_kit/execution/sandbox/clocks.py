"""Clocks that count from the start of a sandbox: a time namespace, made by ``unshare`` of util-linux.

It hides how long this machine has been up, which names it and tells when it was last started. The time of day cannot
be changed so; nothing in Linux does that for a process.
"""

from __future__ import annotations

import os
import subprocess
import time
from functools import cache

from participant_kit.execution.sandbox.view import STARTED


def own_clocks() -> list[str]:
    """The prefix of a command whose monotonic clocks begin at :data:`STARTED` seconds; empty where it cannot be had."""
    return [*_prefix(), *_offsets(), "--"] if _available() else []


def _prefix() -> list[str]:
    # without privilege a user namespace has to be made first, and costs none: a sandbox makes another inside it
    return ["unshare", "--time"] if os.getuid() == 0 else ["unshare", "--user", "--map-current-user", "--time"]


def _offsets() -> list[str]:
    now = {"monotonic": time.CLOCK_MONOTONIC, "boottime": time.CLOCK_BOOTTIME}
    return [f"--{name}={STARTED - int(time.clock_gettime(clock))}" for name, clock in now.items()]


@cache
def _available() -> bool:
    try:
        done = subprocess.run([*_prefix(), *_offsets(), "--", "true"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0

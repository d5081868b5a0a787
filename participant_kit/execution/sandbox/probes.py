"""The self-test of a sandbox: tries from inside to get out, and reports what happened.

A runner does not start when a probe gets out. Each probe uses the same way in as a submission does.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from participant_kit.challenge.card import Limits
from participant_kit.execution.sandbox import probe_guest
from participant_kit.execution.sandbox.base import Command, Ended, Mount, Sandbox
from participant_kit.execution.sandbox.view import environment

LIMITS = Limits.model_validate({"wall_time": "30 s", "cpus": 1, "memory": "256 MiB", "disk": "16 MiB", "processes": 32})


@dataclass(frozen=True)
class Probe:
    """One attempt. ``held`` says that the wall stood; ``detail`` what was seen."""

    name: str
    held: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for ``--json``."""
        return asdict(self)


def probe_sandbox(sandbox: Sandbox) -> Iterator[Probe]:
    """Every probe of ``sandbox``, as it is done; about two seconds for all.

    Raises :class:`~participant_kit.execution.errors.ExecutionError` when the sandbox cannot be made at all.
    """
    if not sandbox.contained:
        yield Probe("containment", False, f"{sandbox.name} does not hold hostile code")
        return
    yield from _look_around(sandbox)
    ended = _run(sandbox, LIMITS, "memory")
    detail = "stopped at its limit" if b"allocated" not in ended.reply else "allocated four times its limit"
    yield Probe("memory", b"allocated" not in ended.reply, detail)
    ended = _run(sandbox, LIMITS.model_copy(update={"wall_time": timedelta(seconds=1)}), "sleep")
    yield Probe("time", ended.timed_out, f"stopped after {ended.seconds:.1f} s of 1 s")


def _look_around(sandbox: Sandbox) -> Iterator[Probe]:
    """What one process inside sees, while a secret file, a listening port and a process wait outside."""
    with tempfile.TemporaryDirectory(prefix="pkit-probe-") as outside, socket.create_server(("127.0.0.1", 0)) as server:
        secret = Path(outside) / "secret"
        secret.write_text("secret")
        question = {"secret": str(secret), "port": server.getsockname()[1], "pid": os.getpid()}
        ended = _run(sandbox, LIMITS, json.dumps(question))
        try:
            seen: dict[str, tuple[bool, str]] = json.loads(ended.reply)
        except ValueError:
            seen = {}
    if not seen:
        log = ended.log.decode("utf-8", "replace").strip().splitlines()
        yield Probe("start", False, log[-1] if log else f"nothing came back (exit code {ended.exit_code})")
    for name, (held, detail) in seen.items():
        yield Probe(name, held, detail)


def _run(sandbox: Sandbox, limits: Limits, question: str) -> Ended:
    base = Path(sys.base_prefix)
    mounts = [Mount(Path(probe_guest.__file__), "/probe.py")]
    if base != Path("/usr"):
        mounts.append(Mount(base, str(base)))
    python = str(Path(sys.executable).resolve())
    command = Command((python, "-I", "/probe.py"), tuple(mounts), limits, environment(limits, "/usr/bin"))
    return sandbox.run(command, question.encode(), max_reply=1 << 16, max_log=1 << 12)

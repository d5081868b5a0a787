"""Putting one runner together: keys, data, sandbox, environment, self-test, log."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import ensure_environment
from participant_kit.execution.sandbox import Sandbox, get_sandbox
from participant_kit.execution.sandbox.cgroup import remove_stale
from participant_kit.execution.sandbox.probes import HELD, OUT, Probe, probe_sandbox
from participant_kit.execution.warm import WarmSandbox
from participant_kit.protocol.keys import Role
from participant_kit.secure_side.blind import BlindJob
from participant_kit.secure_side.egress import LOG, EgressLog
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.keys import runner_keys
from participant_kit.secure_side.machine import claim_machine
from participant_kit.secure_side.outlet import BlindOutlet, Outlet, RehearsalOutlet, Say
from participant_kit.secure_side.rehearsal import RehearsalJob
from participant_kit.secure_side.runner import Runner
from participant_kit.secure_side.watch import count_start


@dataclass(frozen=True)
class Settings:
    """What an operator decides about one runner. ``state`` keeps its egress log, outside the challenge.

    ``keys`` are its key files, or folders of them: several around a rotation.
    """

    gateway: str
    token: str
    challenge: Path
    keys: Sequence[Path]
    state: Path
    role: Role = Role.BLIND
    sandbox: str = "bubblewrap"
    runtime: str | None = None
    cache: Path | None = None
    name: str = ""
    demonstration: bool = False
    warm: int = 0


def make_sandbox(kind: str, runtime: str | None = None) -> Sandbox:
    """The sandbox ``kind``; ``runtime`` is the program of an OCI one. Refuses a kind that does not contain."""
    sandbox = get_sandbox(kind, **({"program": runtime} if runtime else {}))
    if not sandbox.contained:
        raise SecureSideError(f"The sandbox {kind} does not hold hostile code, so the secure side takes no part in it.")
    return sandbox


def self_test(sandbox: Sandbox, report: Callable[[Probe], None], require: Sequence[str] = ()) -> None:
    """Try to get out of ``sandbox``. Raises :class:`SecureSideError` when a probe does, or a wall is missing.

    ``require`` names walls that not every kernel has, and this challenge wants.
    """
    failed, missing = [], []
    for probe in probe_sandbox(sandbox):
        report(probe)
        if probe.outcome == OUT:
            failed.append(f"{probe.wall} ({probe.detail})")
        elif probe.outcome != HELD and probe.wall in require:
            missing.append(f"{probe.wall} ({probe.detail})")
    if failed:
        raise SecureSideError(
            f"The sandbox {sandbox.name} did not hold: {'; '.join(failed)}.",
            hint="See `pkit runner doctor`. A runner never starts without its sandbox.",
        )
    if missing:
        raise SecureSideError(
            f"The card requires walls that the sandbox {sandbox.name} does not have here: {'; '.join(missing)}.",
            hint="Run this on a machine that has them, or take them from sandbox.require of the card.",
        )


@contextmanager
def runner(settings: Settings, say: Say) -> Iterator[Runner]:
    """A runner that is ready to serve. Raises a :class:`~participant_kit.challenge.errors.KitError` of any zone."""
    if os.name != "posix" or not Path("/proc/self/ns").exists():
        raise SecureSideError("The secure side needs Linux.", hint="Rehearse with `pkit rehearse` on other systems.")
    folder = ChallengeFolder(settings.challenge.resolve())
    keys = runner_keys(settings.keys, folder)
    if keys.role != settings.role:
        raise SecureSideError(
            f"{settings.keys[0]} holds keys of the role {keys.role}, and this runner is {settings.role}.",
            hint=f"Make keys with: pkit holder keys FILE --role {settings.role} --challenge FOLDER",
        )
    claim_machine(keys.role, folder.root, demonstration=settings.demonstration)
    remove_stale()
    sandbox = make_sandbox(settings.sandbox, settings.runtime)
    self_test(sandbox, lambda probe: None, folder.card.sandbox.require)
    say("The sandbox held against its self-test")
    environment = ensure_environment(folder.requirements_path, cache=settings.cache, progress=say)
    name = settings.name or f"{platform.node()}-{os.getpid()}"
    sandbox = warm = WarmSandbox(sandbox, settings.warm, count_start if settings.role == Role.REHEARSAL else None)
    log = EgressLog(settings.state / LOG, keys)
    try:
        job: BlindJob | RehearsalJob
        outlet: Outlet
        if settings.role == Role.BLIND:
            blind = outlet = BlindOutlet(settings.gateway, settings.token)
            job = BlindJob(folder, keys, environment, sandbox, log, blind, say)
        else:
            rehearsal = outlet = RehearsalOutlet(settings.gateway, settings.token)
            job = RehearsalJob(folder, keys, environment, sandbox, log, rehearsal, say)
        yield Runner(name, folder.card.slug, job, outlet, say)
    finally:
        warm.close()
        log.close()


def serve(
    settings: Settings,
    say: Say,
    stopping: threading.Event,
    ready: Callable[[], None],
    draining: threading.Event | None = None,
) -> None:
    """Run until ``stopping`` is set, or ``draining`` and the job at hand is done.

    ``ready`` is called once the runner is about to ask for work.
    """
    with runner(settings, say) as ready_runner:
        ready_runner.stopping, ready_runner.draining = stopping, draining or threading.Event()
        ready()
        ready_runner.serve()

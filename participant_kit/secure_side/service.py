"""Putting one runner together: keys, data, workers, log."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import environment_digest
from participant_kit.protocol.keys import Role
from participant_kit.secure_side.blind import BlindJob
from participant_kit.secure_side.egress import LOG, EgressLog
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.keys import runner_keys
from participant_kit.secure_side.outlet import BlindOutlet, Outlet, RehearsalOutlet, Say
from participant_kit.secure_side.rehearsal import RehearsalJob
from participant_kit.secure_side.runner import Runner
from participant_kit.secure_side.workers import LocalWorkers, Workers, jobs_here
from participant_kit.secure_side.workplace import WARM, Place, Workplace


@dataclass(frozen=True)
class Settings:
    """What an operator decides about one runner. ``state`` keeps its egress log, outside the challenge.

    ``keys`` are its key files, or folders of them: several around a rotation. ``jobs`` is how many submissions it works
    on at once; 0 for as many as this machine holds.
    """

    gateway: str
    token: str
    challenge: Path
    keys: Sequence[Path]
    state: Path
    role: Role = Role.BLIND
    sandbox: str = "template"
    runtime: str | None = None
    cache: Path | None = None
    name: str = ""
    demonstration: bool = False
    warm: int = WARM
    jobs: int = 0


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
    place = Place(
        folder.root,
        settings.role,
        settings.sandbox,
        settings.runtime,
        settings.cache,
        settings.demonstration,
        settings.warm,
    )
    environment = environment_digest(folder.requirements_path.read_bytes())
    workers: Workers = LocalWorkers(Workplace(place, say), settings.jobs or jobs_here(folder.card.limits))
    name = settings.name or f"{platform.node()}-{os.getpid()}"
    log = EgressLog(settings.state / LOG, keys)
    try:
        job: BlindJob | RehearsalJob
        outlet: Outlet
        if settings.role == Role.BLIND:
            blind = outlet = BlindOutlet(settings.gateway, settings.token)
            job = BlindJob(folder, keys, environment, workers, log, blind, say)
        else:
            rehearsal = outlet = RehearsalOutlet(settings.gateway, settings.token)
            job = RehearsalJob(folder, keys, workers, log, rehearsal, say)
        yield Runner(name, folder.card.slug, job, outlet, say, workers.jobs)
    finally:
        workers.close()
        log.close()


def serve(settings: Settings, say: Say, stopping: threading.Event, ready: Callable[[], None]) -> None:
    """Run until ``stopping`` is set; ``ready`` is called once the runner is about to ask for work."""
    with runner(settings, say) as ready_runner:
        ready_runner.stopping = stopping
        ready()
        ready_runner.serve()

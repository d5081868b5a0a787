"""Putting one runner together: keys, data, workers, log."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from participant_kit.challenge.card import Limits
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.units import format_duration
from participant_kit.protocol.keys import Role
from participant_kit.secure_side.blind import BlindJob
from participant_kit.secure_side.egress import LOG, EgressLog
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.keys import KeyWatch, runner_keys
from participant_kit.secure_side.machine import claim_machine
from participant_kit.secure_side.outlet import BlindOutlet, Outlet, RehearsalOutlet, Say
from participant_kit.secure_side.rehearsal import RehearsalJob
from participant_kit.secure_side.runner import Runner
from participant_kit.secure_side.workers import LocalWorkers, Workers, jobs_here
from participant_kit.secure_side.workplace import WARM, Facts, Place, Workplace

THREADS, DASK = "threads", "dask"


@dataclass(frozen=True)
class Settings:
    """What an operator decides about one runner. ``state`` keeps its egress log, outside the challenge.

    ``keys`` are its key files, or folders of them: several around a rotation. ``jobs`` is how many submissions it works
    on at once; 0 for as many as there is room for. ``executor`` is who runs and scores them: threads of this process,
    or "dask" for the workers of a ``scheduler``, which know one another by the files ``tls`` (authority, certificate,
    key), or the name of a queueing system. ``worker_challenge`` is the challenge's folder there.
    ``max_wall_time`` keeps it for challenges whose notebooks run no longer.
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
    executor: str = THREADS
    scheduler: str | None = None
    tls: tuple[Path | None, Path | None, Path | None] = (None, None, None)
    worker_challenge: Path | None = None
    max_wall_time: timedelta | None = None


def make_workers(settings: Settings, place: Place, facts: Facts, limits: Limits, say: Say) -> Workers:
    """Those whom ``settings`` name. Raises :class:`~participant_kit.challenge.errors.KitError`."""
    if settings.executor == THREADS:
        if settings.scheduler:
            raise SecureSideError("--scheduler is for --executor dask.", hint="Give both, or neither.")
        return LocalWorkers(Workplace(place, say), settings.jobs or jobs_here(limits))
    try:
        from participant_kit.secure_side.queue import QUEUES, QueueWorkers
        from participant_kit.secure_side.site import DaskWorkers, Site
    except ImportError:
        raise SecureSideError(
            f"--executor {settings.executor} needs Dask.", hint="Install it with: pip install 'participant-kit[dask]'"
        ) from None
    there = replace(place, challenge=settings.worker_challenge or place.challenge)
    claim_machine(place.role, place.challenge, demonstration=place.demonstration)
    if settings.executor == DASK:
        if not settings.scheduler:
            raise SecureSideError("--executor dask needs --scheduler.", hint="Expected tls://HOST:8786, as it prints.")
        site = Site(settings.scheduler, *settings.tls)
        return DaskWorkers(settings.scheduler, site.security(), there, facts, limits, settings.jobs, say)
    if settings.executor in QUEUES:
        folder = settings.state.resolve() / "workers"
        return QueueWorkers(settings.executor, folder, there, facts, limits, settings.jobs, say)
    known = ", ".join((THREADS, DASK, *QUEUES))
    raise SecureSideError(f"There is no executor {settings.executor!r}.", hint=f"Known: {known}.")


@contextmanager
def runner(settings: Settings, say: Say) -> Iterator[Runner]:
    """A runner that is ready to serve. Raises a :class:`~participant_kit.challenge.errors.KitError` of any zone."""
    if os.name != "posix" or not Path("/proc/self/ns").exists():
        raise SecureSideError("The secure side needs Linux.", hint="Rehearse with `pkit rehearse` on other systems.")
    folder = ChallengeFolder(settings.challenge.resolve())
    limits = folder.card.limits
    if settings.max_wall_time is not None and limits.wall_time > settings.max_wall_time:
        asked, most = format_duration(limits.wall_time), format_duration(settings.max_wall_time)
        raise SecureSideError(
            f"Notebooks of {folder.card.slug} may run for {asked}, and this runner is kept for {most} at most.",
            hint="Start a runner of its own for it, with a longer --max-wall-time or none.",
        )
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
    facts = Facts.of(place)
    workers = make_workers(settings, place, facts, limits, say)
    name = settings.name or f"{platform.node()}-{os.getpid()}"
    log = EgressLog(settings.state / LOG, keys)
    try:
        job: BlindJob | RehearsalJob
        outlet: Outlet
        if settings.role == Role.BLIND:
            blind = outlet = BlindOutlet(settings.gateway, settings.token)
            job = BlindJob(folder, keys, facts, workers, log, blind, say)
        else:
            rehearsal = outlet = RehearsalOutlet(settings.gateway, settings.token)
            job = RehearsalJob(folder, keys, facts, workers, log, rehearsal, say)
        yield Runner(name, folder.card.slug, job, outlet, say, workers.jobs, limits, KeyWatch(keys, folder).check)
    finally:
        workers.close()
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

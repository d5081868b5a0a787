"""Where submitted code is run and scored: the challenge's folder, a sandbox that held, the challenge's environment.

Of all that a runner does this is the part that can be handed to other processes and machines: a :class:`Place` says
how to make a workplace, an :class:`Order` what to do there, and :class:`Done` what came of it. None of them holds
a key, and no workplace has a way to the gateway or the egress log.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from participant_kit import __version__
from participant_kit.challenge.folder import INPUT, ChallengeFolder, file_digest
from participant_kit.execution.environment import ensure_environment, environment_digest
from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.notebook import Execution, run_notebook
from participant_kit.execution.sandbox import Sandbox, get_sandbox
from participant_kit.execution.sandbox.cgroup import remove_stale
from participant_kit.execution.sandbox.probes import HELD, OUT, Probe, probe_sandbox
from participant_kit.execution.task import TaskRunner
from participant_kit.execution.warm import Ahead, WarmSandbox
from participant_kit.protocol.keys import Role
from participant_kit.protocol.merkle import tree_root
from participant_kit.protocol.spans import span
from participant_kit.secure_side.data import data_digests, phase_folder, sample_digests
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.machine import claim_machine, turn_of
from participant_kit.secure_side.scoring import Scorer
from participant_kit.secure_side.watch import count_start

WARM = 1 << 30
"""Bytes that sandboxes which wait for a notebook may hold, if the operator says nothing."""


@dataclass(frozen=True)
class Place:
    """How to make a workplace, on whatever machine: ``challenge`` and ``cache`` are folders there, ``warm`` bytes."""

    challenge: Path
    role: Role
    sandbox: str = "template"
    runtime: str | None = None
    cache: Path | None = None
    demonstration: bool = False
    warm: int = WARM


@dataclass(frozen=True)
class Facts:
    """What every workplace of a runner has to agree on, because its receipts say so. ``data`` is of all its files."""

    card: str
    data: str
    environment: str
    version: str

    @classmethod
    def of(cls, place: Place) -> Facts:
        """The facts on this machine. Raises :class:`SecureSideError` when a file is missing."""
        folder = ChallengeFolder(place.challenge.resolve())
        try:
            digests = data_digests(folder) if place.role == Role.BLIND else sample_digests(folder)
            requirements = folder.requirements_path.read_bytes()
            return cls(file_digest(folder.card_path), tree_root(digests), environment_digest(requirements), __version__)
        except OSError as error:
            raise SecureSideError(f"{error.filename} cannot be read ({error.strerror}).") from None

    def differences(self, other: Facts) -> list[str]:
        """Names of what is not the same."""
        return [field.name for field in fields(self) if getattr(self, field.name) != getattr(other, field.name)]


@dataclass(frozen=True)
class Order:
    """A notebook to run on the data of ``phase``, and to score; on the sample, and to check, where that is None.

    ``best`` are the predictions to compare with. ``keep`` says that the predictions are wanted back.
    """

    notebook: bytes
    phase: str | None = None
    best: Path | None = None
    keep: bool = False


@dataclass(frozen=True)
class Done:
    """How the notebook ended, and what the scorer said of its output; as hostile as they are.

    ``fault`` is why the sandbox itself could not do it: our own words, or the name of a class.
    """

    execution: Execution
    verdict: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


STOPPED = Done(Execution(None, cancelled=True))
"""What was given up before it ended."""


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


class Workplace:
    """This machine, made ready as ``place`` says. Raises a :class:`~participant_kit.challenge.errors.KitError`."""

    def __init__(self, place: Place, say: Callable[[str], None]) -> None:
        self._role, self._folder = place.role, ChallengeFolder(place.challenge.resolve())
        if gpus := self._folder.card.limits.gpus:
            raise SecureSideError(
                f"The card wants {gpus} GPU for each run, and no sandbox hands one on: its devices are walled off.",
                hint="Take limits.gpus from the card, and let notebooks compute on processors.",
            )
        claim_machine(place.role, self._folder.root, demonstration=place.demonstration)
        remove_stale()
        sandbox = make_sandbox(place.sandbox, place.runtime)
        self_test(sandbox, lambda probe: None, self._folder.card.sandbox.require)
        sandbox.close()
        say("The sandbox held against its self-test")
        self._environment = ensure_environment(self._folder.requirements_path, cache=place.cache, progress=say)
        self._sandbox = WarmSandbox(sandbox, place.warm, count_start if place.role == Role.REHEARSAL else None)
        self._scorer = Scorer(self._folder, self._environment.prefix, self._sandbox)
        self._tasks = TaskRunner(self._folder, self._environment, self._sandbox, place.role == Role.REHEARSAL)
        self._tasks.check_programs(all_of_them=place.role == Role.BLIND)
        self._prepare(Ahead(self._sandbox))

    def _prepare(self, ahead: Ahead) -> None:
        """Let a sandbox wait for the first notebook of the open phase (one for each task), and one for its scorer."""
        folder, rehearses = self._folder, self._role == Role.REHEARSAL
        phase = folder.card.open_phase(datetime.now(UTC))
        tables = folder.sample_dir if rehearses else folder.private_dir(phase.name) if phase else None
        for task in folder.card.tasks_of(phase.name if phase else None):
            if tables is not None:
                where = tables / task.name / INPUT
                run_notebook(b"", where, folder.card, self._environment, ahead, keep_log=rehearses)
        if tables is not None and not folder.card.tasks:
            run_notebook(b"", tables, folder.card, self._environment, ahead, keep_log=rehearses)
            scorer = Scorer(folder, self._environment.prefix, ahead)
            _ = scorer.check(b"", tables) if rehearses else scorer.score(b"", tables)

    def perform(self, order: Order, cancelled: threading.Event) -> Done:
        """Do ``order``, in a sandbox for the notebook and another for the scorer, until ``cancelled``.

        Raises :class:`SecureSideError` for what the holder has to mend.
        """
        data = phase_folder(self._folder, order.phase) if order.phase else self._folder.sample_dir
        perform = self._perform_tasks if self._folder.card.tasks else self._perform
        try:
            with turn_of(self._role, cancelled) as ours:
                return perform(order, data, cancelled) if ours else STOPPED
        except Exception as error:  # of whatever kind; its text may quote data
            fault = str(error) if isinstance(error, ExecutionError) else type(error).__name__
            return Done(Execution(None), fault=fault)

    def _perform(self, order: Order, tables: Path, cancelled: threading.Event) -> Done:
        with span("run"):
            done = run_notebook(
                order.notebook,
                tables,
                self._folder.card,
                self._environment,
                self._sandbox,
                keep_log=order.phase is None,
                cancelled=cancelled,
            )
        if order.phase is None:
            verdict = self._scorer.check(done.output, tables, cancelled) if done.output is not None else {}
            return Done(done, verdict)
        done = replace(done, message="", log="")  # these may quote data, and nobody reads them
        if done.output is None:
            return Done(done)
        with span("score"):
            verdict = self._scorer.score(done.output, tables, cancelled, order.best)
        verdict.pop("message", None)
        return Done(done if order.keep else replace(done, output=b""), verdict)

    def _perform_tasks(self, order: Order, data: Path, cancelled: threading.Event) -> Done:
        with span("run"):
            scored = self._tasks.run(order.notebook, order.phase, data, cancelled)
        done = scored.execution
        if order.phase is None:
            return Done(done, {"scores": {}})
        done = replace(done, message="", log="", output=done.output and b"")
        return Done(done, {"scores": scored.scores, "why": scored.why})

    def close(self) -> None:
        """End what was started ahead."""
        self._sandbox.close()

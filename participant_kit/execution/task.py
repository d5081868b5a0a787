"""Running a challenge's tasks by Codabench's convention: a notebook, ingestion of what it leaves, and scoring.

Each is in a sandbox of its own: ingestion, which runs the participant's code, never sees the reference data.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from participant_kit.challenge.alphabet import SCORING_TIME
from participant_kit.challenge.card import Task
from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.folder import INPUT, REFERENCE, ChallengeFolder
from participant_kit.challenge.scores import MAX_SCORES, metrics_of, read_scores
from participant_kit.challenge.scoring_program import APP, Kind, read_program
from participant_kit.execution import guest
from participant_kit.execution.environment import Environment
from participant_kit.execution.notebook import MAX_OUTPUT, Execution, guest_command, read_reply, run_notebook
from participant_kit.execution.sandbox.base import Mount, Sandbox
from participant_kit.execution.shared import shared_folder

GRACE = 30.0
"""Seconds that a scoring program has when the ingestion program beside it has failed."""

_STAGE: dict[Kind, str] = {"ingestion": "output", "scoring": "scoring"}
"""What a failure of a program is one of: ingestion runs what the notebook has put out."""

_SAID = {
    "TimeoutError": "did not end in time",
    "MemoryError": "used more memory than the card allows",
    "OSError": "found no room on the disk",
    "missing_output": "wrote nothing that can be taken",
    "not_a_file": "wrote what is no plain file",
    "too_large": "wrote more than is taken",
}
"""What a program did, by the reason; in our own words, because a program's may quote data."""


@dataclass(frozen=True)
class Scored:
    """How a notebook and the programs ended. ``scores`` are the card's numbers by name, or None.

    ``execution`` says where it failed; ``why`` in our own words, which quote nothing.
    """

    execution: Execution
    scores: dict[str, float] | None = None
    why: str = ""


@dataclass(frozen=True)
class TaskRunner:
    """Runs the tasks of the challenge in ``folder``. With ``keep_log`` what is printed is kept: on the sample alone."""

    folder: ChallengeFolder
    environment: Environment
    sandbox: Sandbox
    keep_log: bool = False

    def run(self, notebook: bytes, phase: str | None, data: Path, cancelled: threading.Event | None = None) -> Scored:
        """Run ``notebook`` on every task of ``phase`` (None stands for all), whose folders are in ``data``, and score.

        It ends with the first that fails, and does not tell which that was. On a sample without reference data or
        scoring programs there are no scores.
        """
        card, found, logs = self.folder.card, dict[str, dict[str, Any]](), list[str]()
        whole = Execution(b"", peak_memory=0)
        for task in card.tasks_of(phase):
            place = data / task.name
            done = run_notebook(
                notebook,
                place / INPUT,
                card,
                self.environment,
                self.sandbox,
                keep_log=self.keep_log,
                cancelled=cancelled,
            )
            memory = max(whole.peak_memory or 0, done.peak_memory or 0) or None
            whole = replace(whole, seconds=whole.seconds + done.seconds, peak_memory=memory)
            logs.append(done.log)
            if done.output is not None:
                done = self.score(task, place, done.output, done.seconds, cancelled)
                logs.append(done.log)
            log = "\n".join(filter(None, logs))
            if done.output is None:
                failed = replace(done, seconds=whole.seconds, peak_memory=memory, log=log)
                return Scored(failed, why=done.message if done.stage in ("output", "scoring") else "")
            try:
                if self._has_scoring(task, place):
                    found[task.name] = read_scores(done.output)
            except ChallengeError as error:
                return Scored(_unscored(whole, error, log), why=str(error))
        if len(found) < len(card.tasks_of(phase)):
            return Scored(replace(whole, log=log))
        try:
            return Scored(replace(whole, log=log), metrics_of(card, phase, found))
        except ChallengeError as error:
            return Scored(_unscored(whole, error, log), why=str(error))

    def check_programs(self, *, all_of_them: bool) -> None:
        """Raises :class:`ChallengeError` for a program without a command, and for a missing one if all are due."""
        for task in self.folder.card.tasks:
            programs: dict[Kind, str | None] = {"ingestion": task.ingestion, "scoring": task.scoring}
            for kind, name in programs.items():
                if name and (all_of_them or (self.folder.root / name).is_dir()):
                    read_program(self.folder.root / name, kind)

    def _has_scoring(self, task: Task, data: Path) -> bool:
        return self.sandbox.contained and (data / REFERENCE).is_dir() and (self.folder.root / task.scoring).is_dir()

    def score(
        self, task: Task, data: Path, submission: bytes, seconds: float, cancelled: threading.Event | None
    ) -> Execution:
        """What the scoring program of ``task`` wrote; what it would be given, where there is none."""
        scores = self._has_scoring(task, data)
        if task.beside and task.ingestion:
            return self._beside(task, data, submission, seconds, cancelled) if scores else Execution(submission)
        done = Execution(submission, seconds=seconds)
        if task.ingestion and self.sandbox.contained:
            done = self._run("ingestion", task.ingestion, data, submission, 0.0, cancelled)
        if done.output is None or not scores:
            return done
        limit = min(self.folder.card.limits.wall_time, timedelta(seconds=SCORING_TIME))
        scored = self._run("scoring", task.scoring, data, done.output, done.seconds, cancelled, wall_time=limit)
        return replace(scored, log="\n".join(filter(None, (done.log, scored.log))))

    def _beside(
        self, task: Task, data: Path, submission: bytes, seconds: float, cancelled: threading.Event | None
    ) -> Execution:
        """Both programs at once. Ingestion ends with scoring; where it fails, scoring has a while to find that out."""
        with shared_folder(self.folder.card.limits.disk) as shared, ThreadPoolExecutor(2) as pool:
            mount, stop = Mount(shared.path, "/shared", shared=True), _Either(shared.stop, cancelled)

            def run(kind: Kind, program: str) -> Execution:
                return self._run(kind, program, data, submission, seconds, stop, (mount,))

            ingested = pool.submit(run, "ingestion", task.ingestion or "")
            scoring = pool.submit(run, "scoring", task.scoring)
            try:
                wait((ingested, scoring), return_when=FIRST_COMPLETED)
                if ingested.done() and ingested.result().output is None:
                    wait((scoring,), GRACE)
                elif not scoring.done():
                    wait((scoring,))
            finally:
                shared.stop.set()
            before, scored = ingested.result(), scoring.result()
            shared.look()
        log = "\n".join(filter(None, (before.log, scored.log)))
        if cancelled is not None and cancelled.is_set():
            return Execution(None, cancelled=True)
        if shared.wrong:
            message = "A link, or more than the card's disk holds, was in /app/shared."
            reason = "too_large" if shared.wrong == "disk" else "not_a_file"
            return Execution(None, shared.wrong, reason=reason, message=message, log=log)
        failed_before = scored.output is None and before.output is None and not before.cancelled
        return replace(before if failed_before else scored, log=log)

    def _run(
        self,
        kind: Kind,
        program: str,
        data: Path,
        submission: bytes,
        seconds: float,
        cancelled: threading.Event | None,
        shared: Sequence[Mount] = (),
        wall_time: timedelta | None = None,
    ) -> Execution:
        limits, folder = self.folder.card.limits, self.folder.root / program
        if wall_time:
            limits = limits.model_copy(update={"wall_time": wall_time})
        seen = {INPUT: "/data"}
        if kind == "scoring":
            most, output = MAX_SCORES, {"output": "scores.json scores.txt"}
            seen[REFERENCE] = "/reference"
        else:  # beside scoring, what ingestion leaves elsewhere than in the shared folder is nobody's
            most, output = min(MAX_OUTPUT, limits.disk), {"pack": "all", "may_be_empty": "yes" if shared else ""}
        header = {
            "kind": "task",
            "stage": _STAGE[kind],
            "command": read_program(folder, kind),
            "seconds": seconds,
            "max_output": most,
            "keep_log": self.keep_log,
            **output,
        }
        mounts = [Mount(data / name, target) for name, target in seen.items() if (data / name).is_dir()]
        mounts = [Mount(folder, "/program"), *mounts, *shared]
        command = guest_command(self.environment.prefix, mounts, limits, {APP: "/work/app"})
        ended = self.sandbox.run(
            replace(command, environment={**command.environment, "PYTHONUNBUFFERED": "1"}, alone=True),
            json.dumps(header).encode() + b"\n" + submission,
            max_reply=most + (1 << 16),
            max_log=guest.MAX_LOG if self.keep_log else 0,
            cancelled=cancelled,
        )
        done = read_reply(ended)
        if done.output is not None or done.cancelled:
            return done
        memory = ended.out_of_memory or done.stage == "memory"
        reason = "MemoryError" if memory else "TimeoutError" if done.stage == "timeout" else done.reason or "other"
        said = f"The {kind} program {_SAID.get(reason, 'ended with an error')}."
        if reason == "unreadable" or (kind == "scoring" and done.stage == "output"):
            return replace(done, message="What was submitted cannot be unpacked.")
        if kind == "ingestion":
            return replace(done, stage="memory" if memory else done.stage, reason=reason, message=said)
        # the program is the organizer's: what it did wrong is nothing that a participant could mend
        reason = reason if reason in ("MemoryError", "TimeoutError") else "other"
        return replace(done, stage="scoring", reason=reason, message=said)


def _unscored(whole: Execution, error: ChallengeError, log: str) -> Execution:
    return replace(whole, output=None, stage="scoring", reason="other", message=str(error), log=log)


class _Either(threading.Event):
    """Set when one of two is."""

    def __init__(self, one: threading.Event, other: threading.Event | None) -> None:
        super().__init__()
        self._events = (one, other)

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._events if event)

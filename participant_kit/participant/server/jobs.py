"""Work that takes a while on this machine: joining a challenge, and rehearsals. Each is a thread with a job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.client import Client
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.explain import sentences
from participant_kit.participant.rehearse import rehearse_notebook
from participant_kit.participant.server.files import Files
from participant_kit.participant.server.messages import Event, Job, Problem
from participant_kit.participant.server.views import kit_view
from participant_kit.protocol.errors import printable
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.receipts import Failure

KEPT = 100
"""Jobs that are remembered; the oldest that has ended goes first."""


class Jobs:
    """The jobs of this server; ``tell`` hears of each change, from the job's thread."""

    def __init__(self, files: Files, tell: Callable[[Event], None]) -> None:
        self._files, self._tell = files, tell
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._stops: dict[str, threading.Event] = {}

    def all(self) -> list[Job]:
        """Every job that is remembered, the oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def find(self, identifier: str) -> Job:
        """One job. Raises :class:`ParticipantError` when it is not remembered: the server may have started anew."""
        with self._lock:
            if identifier in self._jobs:
                return self._jobs[identifier]
        raise ParticipantError("This work is not known any more.", hint="Start it again.", code="job_unknown")

    def cancel(self, identifier: str) -> Job:
        """Ask a job to stop. A rehearsal stops at once; a join after the step it is at."""
        job = self.find(identifier)
        self._stops[identifier].set()
        return job

    def join(self, client: Client, slug: str, folder: Path, checksum: str | None) -> Job:
        """Fetch the kit of ``slug`` into ``folder`` and make its kernel."""
        job = Job(id=new_identifier(), kind="join", title=slug)

        def work(job: Job, stop: threading.Event) -> Job:
            def tell(line: str) -> None:
                if stop.is_set():
                    raise _StoppedError("Stopped by you.")
                self._change(job.id, line=line)

            kit = client.join(slug, folder, checksum, tell)
            return self._jobs[job.id].model_copy(update={"state": "done", "kit": kit_view(kit, self._files)})

        return self._start(job, work)

    def rehearse(self, path: Path, kit: ChallengeFolder) -> Job:
        """Run the notebook at ``path`` on the sample of ``kit``."""
        job = Job(id=new_identifier(), kind="rehearsal", title=path.name, path=self._files.shown(path))

        def work(job: Job, stop: threading.Event) -> Job:
            done = rehearse_notebook(path, kit, progress=lambda line: self._change(job.id, line=line), cancelled=stop)
            update = {
                "state": "cancelled" if done.cancelled else "done" if done.passed else "failed",
                "cell": done.cell,
                "seconds": round(done.seconds, 2),
                "contained": done.contained,
                "log": printable(done.log, 4 << 20),
            }
            if done.stage and not done.cancelled:
                said = sentences(Failure(stage=done.stage, cell=done.cell, reason=done.reason), on_sample=True)
                message = printable(done.message) or said.sentence
                log = f"{update['log']}\n{message}".strip()
                update |= {"explanation": said.sentence, "reason": done.reason, "log": log}
            return self._jobs[job.id].model_copy(update=update)

        return self._start(job, work)

    def _start(self, job: Job, work: Callable[[Job, threading.Event], Job]) -> Job:
        stop = threading.Event()
        with self._lock:
            ended = [known for known in self._jobs.values() if known.state != "running"]
            for old in ended[: max(0, len(self._jobs) + 1 - KEPT)]:
                del self._jobs[old.id], self._stops[old.id]
            self._jobs[job.id], self._stops[job.id] = job, stop

        def run() -> None:
            try:
                self._put(work(job, stop))
            except _StoppedError:
                self._change(job.id, state="cancelled")
            except KitError as error:
                self._change(job.id, state="failed", problem=Problem.of(error))
            except Exception as error:
                self._change(job.id, state="failed", problem=Problem.unforeseen(error))
                raise

        threading.Thread(target=run, name=f"{job.kind} {job.title}", daemon=True).start()
        return job

    def _change(self, identifier: str, **update: object) -> None:
        self._put(self._jobs[identifier].model_copy(update=update))

    def _put(self, job: Job) -> None:
        with self._lock:
            self._jobs[job.id] = job
        self._tell(Event(kind="job", job=job))


class _StoppedError(Exception):
    """The participant has cancelled a join."""

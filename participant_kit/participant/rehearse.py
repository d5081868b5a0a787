"""Rehearsal: the notebook on the sample, on the participant's machine, as it will run on the secure side."""

from __future__ import annotations

import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from participant_kit.challenge.card import Card
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.predictions import PredictionsError, parse_predictions
from participant_kit.challenge.table import read_table
from participant_kit.execution.environment import Environment
from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.notebook import run_notebook
from participant_kit.execution.sandbox import Command, Sandbox, get_sandbox
from participant_kit.execution.task import TaskRunner
from participant_kit.participant.kernel import environment_of
from participant_kit.participant.kit import Tell
from participant_kit.participant.plain_process import PlainProcess
from participant_kit.participant.prepare import prepare_notebook


@dataclass(frozen=True)
class Rehearsal:
    """How a rehearsal ended. ``stage`` is None when it passed; ``cell`` counts from 1 in the notebook.

    ``contained`` says whether it ran in the same kind of sandbox as on the secure side; without one, memory,
    disk, network and paths were not held to the challenge's limits.
    """

    passed: bool
    stage: str | None
    cell: int | None
    reason: str | None
    message: str
    log: str
    seconds: float
    contained: bool
    cancelled: bool = False

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for ``--json``."""
        return asdict(self)


def rehearse_notebook(
    path: Path,
    kit: ChallengeFolder,
    *,
    sandbox: Sandbox | None = None,
    environment: Environment | None = None,
    progress: Tell | None = None,
    cancelled: threading.Event | None = None,
) -> Rehearsal:
    """Run the notebook at ``path`` on the sample of ``kit`` and check what it writes.

    In a challenge with tasks it is run on each, through the programs that the kit has; not so without a sandbox, which
    is what holds their folders.

    ``sandbox`` is the best that this machine has if left out, ``environment`` the one of the kit's requirements;
    ``progress`` is told what is being done. Setting ``cancelled`` stops it.
    Raises a :class:`~participant_kit.challenge.errors.KitError` only when the run cannot be started.
    """
    tell = progress or (lambda line: None)
    card = kit.card
    prepared = prepare_notebook(path, card.submission.max_notebook)
    environment = environment or environment_of(kit, tell=tell)
    sandbox = sandbox or best_sandbox(card)
    tell(f"Running {path.name} on the sample")
    if card.tasks:
        runner = TaskRunner(kit, environment, sandbox, keep_log=True)
        ended = runner.run(prepared.notebook, None, kit.sample_dir, cancelled).execution
    else:
        ended = run_notebook(
            prepared.notebook, kit.sample_dir, card, environment, sandbox, keep_log=True, cancelled=cancelled
        )
    stage, reason, message = ended.stage, ended.reason, ended.message
    if ended.output is not None and not card.tasks:
        tell("Checking the predictions")
        try:
            parse_predictions(ended.output, card, read_table(kit.sample_dir / "test.parquet")[card.data.identifier])
        except PredictionsError as error:
            stage, reason, message = "output", error.reason, str(error)
    return Rehearsal(
        passed=stage is None and not ended.cancelled,
        stage=stage,
        cell=ended.cell,
        reason=reason,
        message=message,
        log=ended.log,
        seconds=ended.seconds,
        contained=sandbox.contained,
        cancelled=ended.cancelled,
    )


def best_sandbox(card: Card) -> Sandbox:
    """The secure side's kind of sandbox where it works on this machine, else a plain process."""
    if sys.platform == "linux":
        try:
            sandbox = get_sandbox("bubblewrap")
            trial = sandbox.run(Command(("/usr/bin/true",), (), card.limits), b"", max_reply=0)
        except ExecutionError:
            return PlainProcess()
        if trial.exit_code == 0:
            return sandbox
    return PlainProcess()

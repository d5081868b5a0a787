"""Scoring, in a second sandbox that has the labels and no participant's code."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import participant_kit
from participant_kit.challenge.alphabet import SCORING_TIME
from participant_kit.challenge.folder import LABELS, ChallengeFolder
from participant_kit.challenge.scoring_program import APP, read_program
from participant_kit.execution.notebook import Execution, guest_command, read_reply
from participant_kit.execution.sandbox.base import Mount, Sandbox

MAX_SCORES = 1 << 16
"""Bytes that ``scores.json`` may have."""

_PACKAGE = "/opt/package"
"""Where our own package stands in a sandbox."""

_PROGRAM = Path(__file__).with_name("metrics_program.py")
"""Our own program. It is not imported here: a runner has no use for pandas, which would take it most of a second."""

_CHECKS = (
    "program", _PACKAGE, "participant_kit.secure_side.metrics_program", "pyarrow.parquet", "pyarrow.dataset",
)  # fmt: skip
_SCORES = (*_CHECKS, "participant_kit.challenge.ranking", "sklearn.metrics")
"""What it is made of; scikit-learn only where there are labels to score by."""

_UNFINISHED = {"timeout": "TimeoutError", "memory": "MemoryError"}
"""The reason for a stage in which a scoring program was stopped."""

_LINKS = {f"{APP}/input/res": "/work/res", f"{APP}/output": "/work/output", f"{APP}/shared": "/work/tmp"}


class Scorer:
    """Scores predictions of one challenge, in ``sandbox``; ``environment`` is the prefix of the challenge's own."""

    def __init__(self, folder: ChallengeFolder, environment: Path, sandbox: Sandbox) -> None:
        self._folder, self._environment, self._sandbox = folder, environment, sandbox
        path = folder.scoring_path
        self._program = (read_program(path), path) if path else None

    def check(self, predictions: bytes, tables: Path, cancelled: threading.Event | None = None) -> dict[str, Any]:
        """``{"scores": {}}`` when ``predictions`` fit the test table in ``tables``, else ``reason``, ``message``."""
        return self._run_builtin(predictions, tables, None, cancelled)[0]

    def score(
        self, predictions: bytes, tables: Path, cancelled: threading.Event | None = None, best: Path | None = None
    ) -> dict[str, Any]:
        """``{"scores": {name: value}}``, or ``reason`` and ``message``. Values are as hostile as the program is.

        With the ``best`` predictions of before there is ``chance`` too: the standard error of the primary score's
        gain on them.
        """
        labels = tables / f"{LABELS}.parquet"
        if self._program is None:
            return self._run_builtin(predictions, tables, labels, cancelled, best)[0]
        verdict, checked = self._run_builtin(predictions, tables, None, cancelled)
        return verdict if "reason" in verdict else self._run_program(self._program, checked, labels, cancelled)

    def _run_builtin(
        self,
        predictions: bytes,
        tables: Path,
        labels: Path | None,
        cancelled: threading.Event | None,
        best: Path | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        package = Path(participant_kit.__file__).parent
        mounts = [
            Mount(tables / "test.parquet", f"{APP}/input/ref/test.parquet"),
            Mount(self._folder.card_path, f"{APP}/input/ref/challenge.yaml"),
            Mount(_PROGRAM, f"{APP}/program/metrics_program.py"),
            Mount(package, f"{_PACKAGE}/{package.name}"),
        ]
        if labels:
            mounts.append(Mount(labels, f"{APP}/input/ref/labels.parquet"))
        if best:
            mounts.append(Mount(best, f"{APP}/input/ref/best"))
        limit = MAX_SCORES + (self._folder.card.limits.disk if self._folder.card.scoring else 0)
        program = {"script": f"{APP}/program/metrics_program.py", "path": [_PACKAGE]}
        preload = _SCORES if labels else _CHECKS
        done = self._run(Path(sys.prefix), mounts, program, predictions, "result", limit, cancelled, preload)
        line, _, checked = (done.output or b"").partition(b"\n")
        return _read_scores(done, line), checked

    def _run_program(
        self, program: tuple[list[str], Path], predictions: bytes, labels: Path, cancelled: threading.Event | None
    ) -> dict[str, Any]:
        command, program_folder = program
        mounts = [Mount(labels, f"{APP}/input/ref/labels.parquet"), Mount(program_folder, f"{APP}/program")]
        run = {"command": command}
        done = self._run(self._environment, mounts, run, predictions, "scores.json", MAX_SCORES, cancelled)
        scores = _read_scores(done, done.output or b"")
        return scores if "stage" in scores else {"scores": scores}

    def _run(
        self,
        prefix: Path,
        mounts: list[Mount],
        program: Mapping[str, Any],
        predictions: bytes,
        output: str,
        limit: int,
        cancelled: threading.Event | None,
        preload: Sequence[str] = (),
    ) -> Execution:
        card = self._folder.card
        header = {
            "kind": "program",
            **program,
            "cwd": f"{APP}/program",
            "predictions": card.submission.output,
            "output": output,
            "max_output": limit,
        }
        wall_time = min(card.limits.wall_time, timedelta(seconds=SCORING_TIME))
        limits = card.limits.model_copy(update={"wall_time": wall_time})
        ended = self._sandbox.run(
            guest_command(prefix, mounts, limits, _LINKS, preload),
            json.dumps(header).encode() + b"\n" + predictions,
            max_reply=limit + 4096,
            cancelled=cancelled,
        )
        return read_reply(ended)


def _read_scores(done: Execution, text: bytes) -> dict[str, Any]:
    """A JSON object of scores; anything else, and whatever stopped the program, becomes a failure."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        reason = _UNFINISHED.get(done.stage or "", "other")
        return {"stage": "scoring", "reason": reason, "message": "The scoring program gave no scores."}
    return content

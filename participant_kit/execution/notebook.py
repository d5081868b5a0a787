"""Running one notebook with papermill inside a sandbox."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from participant_kit.challenge.alphabet import STAGES
from participant_kit.challenge.card import Card, Limits
from participant_kit.challenge.folder import TABLES
from participant_kit.execution import guest
from participant_kit.execution.environment import Environment
from participant_kit.execution.sandbox import view
from participant_kit.execution.sandbox.base import Command, Ended, Mount, Sandbox

MAX_OUTPUT = 256 << 20
"""Bytes that an output file may have, if the card's disk is not smaller."""

_MAX_HEADER = 4 << 20

ENVIRONMENT = "/opt/environment"
"""Where the challenge's environment stands inside, wherever it is outside."""


PRELOAD = (
    "pandas", "pyarrow.parquet", "pyarrow.dataset", "sklearn.compose", "sklearn.ensemble", "sklearn.linear_model",
    "sklearn.metrics", "sklearn.model_selection", "sklearn.pipeline",
)  # fmt: skip
"""What nearly every notebook imports, and a kernel that was started ahead has imported."""

_PLUGINS = "narwhals.plugins:_discover_entrypoints"
"""scikit-learn's first look at data reads a file of every package that is installed, to find plugins of narwhals."""
_OWN = {
    "notebook": (
        "papermill", "ipykernel.kernelapp", "jupyter_client.manager", "nbformat.validator:get_validator", _PLUGINS
    ),
    "program": (_PLUGINS,),
}  # fmt: skip
"""What the guest itself imports for each kind of request."""


@dataclass(frozen=True)
class Execution:
    """How a notebook ended. All but ``seconds`` and ``peak_memory`` (bytes, None if unknown) is as hostile as it is.

    ``stage`` is None when ``output`` holds the submitted file's bytes, else one of
    :data:`participant_kit.challenge.alphabet.STAGES`. ``cell`` counts from 1 in the notebook as given.
    ``reason`` is an exception class or a word of :data:`~participant_kit.challenge.alphabet.REASONS`.
    ``message`` and ``log`` may quote data; they never leave a blind run. ``log`` is empty unless kept.
    """

    output: bytes | None
    stage: str | None = None
    cell: int | None = None
    reason: str | None = None
    message: str = ""
    log: str = ""
    seconds: float = 0.0
    cancelled: bool = False
    peak_memory: int | None = None


def run_notebook(
    notebook: bytes,
    data_dir: Path,
    card: Card,
    environment: Environment,
    sandbox: Sandbox,
    *,
    keep_log: bool = False,
    cancelled: threading.Event | None = None,
) -> Execution:
    """Run ``notebook`` (the bytes of an ``.ipynb``) on the tables in ``data_dir``, within the card's limits.

    In a challenge with tasks ``data_dir`` is the input of one, and the output is a zip of all that the notebook leaves.

    Raises :class:`~participant_kit.execution.errors.ExecutionError` only when the sandbox itself cannot be
    made; whatever the notebook does is in the returned :class:`Execution`.
    """
    max_output = min(MAX_OUTPUT, card.limits.disk)
    header = {"kind": "notebook", "output": card.submission.output, "max_output": max_output, "keep_log": keep_log}
    if card.tasks:
        header["pack"] = True
        data = [Mount(data_dir, "/data")] if data_dir.is_dir() else []
    else:
        data = [Mount(data_dir / f"{name}.parquet", f"/data/{name}.parquet") for name in TABLES]
    modules = card.environment.preload or PRELOAD
    ended = sandbox.run(
        guest_command(environment.prefix, data, card.limits, preload=("notebook", *modules)),
        json.dumps(header).encode() + b"\n" + notebook,
        max_reply=max_output + _MAX_HEADER,
        max_log=guest.MAX_LOG if keep_log else 0,
        cancelled=cancelled,
    )
    return replace(read_reply(ended), peak_memory=ended.peak_memory)


def guest_command(
    prefix: Path,
    mounts: Sequence[Mount],
    limits: Limits,
    links: Mapping[str, str] | None = None,
    preload: Sequence[str] = (),
) -> Command:
    """The command that starts :mod:`participant_kit.execution.guest` inside a sandbox.

    ``prefix`` is the virtual environment whose interpreter runs it; it stands at ``ENVIRONMENT`` inside. ``preload``
    is the kind of request and modules that it imports before it reads one.
    """
    seen = (Mount(prefix, ENVIRONMENT), *mounts)
    command = view.script(f"{ENVIRONMENT}/bin/python3", Path(guest.__file__), seen, limits, links)
    modules = (*_OWN[preload[0]], *preload[1:]) if preload else ()
    return replace(command, environment={**command.environment, "GUEST_PRELOAD": " ".join(preload)}, preload=modules)


def read_reply(ended: Ended) -> Execution:
    """What the guest said, in our own words. Nothing of the reply is believed; anything may stand in it."""
    if ended.cancelled:
        return Execution(None, seconds=ended.seconds, cancelled=True)
    if ended.timed_out:
        return Execution(None, "timeout", seconds=ended.seconds, log=_text(ended.log))
    header, newline, output = ended.reply.partition(b"\n")
    try:
        answer = json.loads(header) if newline and len(header) < _MAX_HEADER else None
        said = (
            {key: answer.get(key) for key in ("stage", "cell", "reason", "message", "log")}
            if answer is not None
            else None
        )
    except (ValueError, AttributeError, RecursionError):
        said = None
    if said is None or (said["stage"] == "kernel" and ended.out_of_memory):
        stage = "memory" if ended.out_of_memory else "output" if ended.reply_too_large else "kernel"
        reason = "too_large" if ended.reply_too_large else None
        return Execution(None, stage, reason=reason, seconds=ended.seconds, log=_text(ended.log))
    log = "\n".join(filter(None, (_text(said["log"]), _text(ended.log))))
    if said["stage"] is None:
        return Execution(output, log=log, seconds=ended.seconds)
    cell = said["cell"]
    return Execution(
        None,
        stage=said["stage"] if said["stage"] in STAGES else "kernel",
        cell=cell if type(cell) is int and 0 < cell < 1_000_000 else None,
        reason=_text(said["reason"])[:200] or None,
        message=_text(said["message"]),
        log=log,
        seconds=ended.seconds,
    )


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""

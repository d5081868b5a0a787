"""Running one notebook with papermill inside a sandbox."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from participant_kit.challenge.card import Card
from participant_kit.execution.environment import Environment
from participant_kit.execution.sandbox.base import Sandbox


@dataclass(frozen=True)
class Execution:
    """How a notebook ended. Everything but ``seconds`` was chosen by the notebook: treat it as hostile.

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

    Raises :class:`~participant_kit.execution.errors.ExecutionError` only when the sandbox itself cannot be
    made; whatever the notebook does is in the returned :class:`Execution`.
    """
    raise NotImplementedError

"""Sandboxes by name. Other packages add a kind with the entry point group ``participant_kit.sandboxes``."""

from __future__ import annotations

from importlib.metadata import entry_points

from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.sandbox.base import Command, Ended, Handover, Mount, Sandbox

__all__ = ["Command", "Ended", "Handover", "Mount", "Sandbox", "get_sandbox", "sandbox_names"]

GROUP = "participant_kit.sandboxes"


def sandbox_names() -> list[str]:
    """The names that :func:`get_sandbox` knows."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def get_sandbox(name: str = "bubblewrap", **options: object) -> Sandbox:
    """The sandbox kind ``name``, configured with ``options``. Raises :class:`ExecutionError`."""
    for entry in entry_points(group=GROUP, name=name):
        sandbox: Sandbox = entry.load()(**options)
        return sandbox
    raise ExecutionError(f"There is no sandbox kind {name!r}.", hint=f"Known: {', '.join(sandbox_names())}.")

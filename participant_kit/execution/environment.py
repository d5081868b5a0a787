"""The environment of a challenge: a virtual environment made from its pinned requirements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Environment:
    """A virtual environment. ``digest`` (hex SHA-256) names its requirements and its Python version."""

    prefix: Path
    digest: str

    @property
    def python(self) -> Path:
        """Its interpreter."""
        raise NotImplementedError


def ensure_environment(
    requirements: Path, *, cache: Path | None = None, progress: Callable[[str], None] | None = None
) -> Environment:
    """The environment for ``requirements``, made in ``cache`` unless it is there already.

    ``progress`` is told what is being done, a line at a time. Safe to call from several processes; one that
    was interrupted is made anew. Raises :class:`~participant_kit.execution.errors.ExecutionError`.
    """
    raise NotImplementedError

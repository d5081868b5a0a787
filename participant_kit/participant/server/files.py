"""Where files of this machine are for Jupyter's contents API, and the other way round."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from participant_kit.participant.errors import ParticipantError


@dataclass(frozen=True)
class Files:
    """The folder ``root`` that Jupyter shows; its own paths are relative to it, with ``/``."""

    root: Path

    def on_disk(self, path: str) -> Path:
        """The file at Jupyter's ``path``. Raises :class:`ParticipantError` for one that leads out of the folder."""
        found = (self.root / path.strip("/")).absolute()
        try:
            inside = found.resolve().is_relative_to(self.root.resolve())
        except (OSError, ValueError):  # a name that no file can have
            inside = False
        if not inside:
            raise ParticipantError(
                f"{path!r} is outside the folder that Jupyter shows.",
                hint="Open a notebook that lies in it.",
                code="outside",
            )
        return found

    def shown(self, path: Path | None) -> str | None:
        """Jupyter's path of what is at ``path``; None when it is not there, or Jupyter does not show it."""
        if path is None or not path.exists():
            return None
        root = self.root.resolve()
        for known in (path.absolute(), path.resolve()):
            for folder in (self.root, root):
                if known.is_relative_to(folder):
                    return known.relative_to(folder).as_posix()
        return None

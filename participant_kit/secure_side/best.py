"""The predictions that a participant's best score came from, for a mechanism that compares with them row by row."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from participant_kit.protocol.sealing import Binding
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.record import ChallengeRecord


class BestPredictions:
    """Files in ``folder``, one a submission: each participant's best in a phase, as the log has it, and the last."""

    def __init__(self, folder: Path, record: ChallengeRecord) -> None:
        self._folder, self._record = folder, record

    def of(self, binding: Binding) -> Path | None:
        """Those to compare with, if there are any. Raises :class:`SecureSideError` when they are lost."""
        memory = self._record.memory(binding)
        if not memory:
            return None
        path = self._folder_of(binding) / str(memory["best"])
        if not path.is_file():
            raise SecureSideError(
                f"The predictions {path}, which were the best, are lost.", hint="Restore your backup."
            )
        return path

    def keep(self, binding: Binding, predictions: bytes) -> None:
        """Write ``predictions``, synced, before their score is released; it may turn out to be the best."""
        folder, best = self._folder_of(binding), self.of(binding)
        needed = {best.name if best else "", *self._record.unfinished()}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.name not in needed:
                path.unlink()
        with (folder / binding.submission).open("wb") as file:
            file.write(predictions)
            file.flush()
            os.fsync(file.fileno())

    def _folder_of(self, binding: Binding) -> Path:
        name = f"{binding.challenge}/{binding.phase}/{binding.participant}"
        return self._folder / hashlib.sha256(name.encode()).hexdigest()[:32]

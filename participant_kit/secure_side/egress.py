"""The egress log: every message that leaves the secure side, written and synced before it leaves.

One JSON object a line. Each line carries the hash of the one before, so that a gap or an edit shows. The log is
also the ledger and the memory of what was released: after a crash the same message is sent again, and nothing
is run twice for it.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from participant_kit.secure_side.errors import SecureSideError

GENESIS = "0" * 64


class LoggedField(BaseModel):
    """One field of a message, as it left, and the log2 of its alphabet's size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: Any
    bits: float


class EgressLine(BaseModel):
    """One message that left. ``message`` is what was sent, whole; ``previous`` and ``hash`` chain the lines."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sequence: int
    time: datetime
    kind: str
    challenge: str
    phase: str
    participant: str
    submission: str
    fields: list[LoggedField]
    bits: float
    message: dict[str, Any]
    previous: str
    hash: str = ""

    def digest(self) -> str:
        """SHA-256 (hex) of everything in the line but ``hash``."""
        content = self.model_dump(mode="json", exclude={"hash"})
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_egress(path: Path) -> list[EgressLine]:
    """Every line of the log at ``path``, verified. Raises :class:`SecureSideError` naming the first bad line."""
    if not path.exists():
        return []
    lines: list[EgressLine] = []
    previous = GENESIS
    for number, text in enumerate(path.read_bytes().splitlines(), 1):
        try:
            line = EgressLine.model_validate_json(text)
        except ValidationError:
            raise SecureSideError(f"Line {number} of the egress log {path} cannot be read.") from None
        if line.previous != previous or line.hash != line.digest() or line.sequence != number:
            raise SecureSideError(
                f"Line {number} of the egress log {path} was changed, or a line before it is missing.",
                hint="Do not release anything more. Compare the log with your backup.",
            )
        lines.append(line)
        previous = line.hash
    return lines


class EgressLog:
    """The log of one runner, open for appending. One process at a time holds it.

    Opening verifies the whole chain. A last line without its newline was torn by a crash before its message
    was sent: it is set aside in ``<name>.torn`` and the log goes on from the line before.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = FileLock(f"{path}.lock")
        try:
            self._lock.acquire(timeout=5)
        except Timeout:
            raise SecureSideError(
                f"Another runner writes the egress log {path}.", hint="Give each runner its own --state folder."
            ) from None
        self._set_torn_line_aside()
        self.lines = read_egress(path)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _set_torn_line_aside(self) -> None:
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        if data and not data.endswith(b"\n"):
            whole, torn = data[: data.rfind(b"\n") + 1], data[data.rfind(b"\n") + 1 :]
            with self.path.with_suffix(".torn").open("ab") as file:
                file.write(torn + b"\n")
            os.truncate(self.path, len(whole))

    def append(
        self,
        *,
        kind: str,
        challenge: str,
        phase: str,
        participant: str,
        submission: str,
        fields: list[LoggedField],
        message: dict[str, Any],
    ) -> EgressLine:
        """Write one line to the disk; when this returns, it is there. Raises :class:`SecureSideError`."""
        line = EgressLine(
            sequence=len(self.lines) + 1,
            time=datetime.now(UTC),
            kind=kind,
            challenge=challenge,
            phase=phase,
            participant=participant,
            submission=submission,
            fields=fields,
            bits=sum(field.bits for field in fields),
            message=message,
            previous=self.lines[-1].hash if self.lines else GENESIS,
        )
        line = line.model_copy(update={"hash": line.digest()})
        data = line.model_dump_json().encode() + b"\n"
        size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, data) != len(data):
                raise OSError(28, "No space left on device")
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, size)
            raise SecureSideError(
                f"The egress log cannot be written ({error.strerror}), so nothing is released.",
                hint=f"Make room on the disk of {self.path.parent}; the runner tries again by itself.",
            ) from None
        self.lines.append(line)
        return line

    def of_submission(self, submission: str, kind: str) -> EgressLine | None:
        """The line of ``kind`` for ``submission``, if it has left already."""
        return next((line for line in reversed(self.lines) if (line.submission, line.kind) == (submission, kind)), None)

    def spent_bits(self, challenge: str, phase: str, participant: str) -> float:
        """What has left about the data to one participant in one phase."""
        key = (challenge, phase, participant)
        return sum(line.bits for line in self.lines if (line.challenge, line.phase, line.participant) == key)

    def close(self) -> None:
        """Let another process open the log."""
        os.close(self._file)
        self._lock.release()

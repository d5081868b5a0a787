"""The egress log: every message that leaves the secure side, written and synced before it leaves.

One JSON object a line. Each line carries the hash of the one before, so that a gap or an edit shows; the hash of
the last one stands, signed by the runner, in ``egress.head``, so that a tail that was cut off shows too. The log is
also the ledger and the memory of what was released: after a crash the same message is sent again, and nothing
is run twice for it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from participant_kit.protocol.keys import SecretKeys
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.ledger import HELD, Ledger

GENESIS = "0" * 64
LOG, HEAD = "egress.jsonl", "egress.head"


class LoggedField(BaseModel):
    """One field of a message, as it left, and the log2 of its alphabet's size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: Any
    bits: float


class EgressLine(BaseModel):
    """One message that left. ``message`` is what was sent, whole; ``previous`` and ``hash`` chain the lines.

    Some lines are of what has not left: a run that began, which ``reserved`` bits, or a message that waits for the
    holder's review. ``memory`` is what the leaderboard's mechanism keeps; it never leaves. ``key`` is the public
    half of the runner's key; a run ends in the name of the key that it began with, also when another signs the head.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sequence: int
    time: datetime
    kind: str
    challenge: str
    phase: str
    participant: str
    submission: str
    dataset: str
    fields: list[LoggedField]
    bits: float
    reserved: float
    message: dict[str, Any]
    memory: Any
    key: str
    previous: str
    hash: str = ""

    def digest(self) -> str:
        """SHA-256 (hex) of everything in the line but ``hash``."""
        content = self.model_dump(mode="json", exclude={"hash"})
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Head(BaseModel):
    """The end of the log when it was last written, signed (Ed25519 over ``hash``, which covers the number)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sequence: int
    hash: str
    key: str
    signature: str

    def is_signed(self) -> bool:
        """Whether the signature is that of ``key``."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))
            key.verify(bytes.fromhex(self.signature), bytes.fromhex(self.hash))
        except (InvalidSignature, ValueError):
            return False
        return True


def read_egress(path: Path, keys: Iterable[str] = ()) -> list[EgressLine]:
    """Every line of the log at ``path``, verified: chain, head, and that nothing is missing at the end.

    With ``keys`` (hex of public keys), the head must be signed by one of them, and every line name one. Raises
    :class:`SecureSideError` naming the first line that is not what it should be.
    """
    head = _read_head(path.with_name(HEAD))  # first: a runner that writes meanwhile makes the log longer, not the head
    data = path.read_bytes() if path.exists() else b""
    lines = list(_parse(path, data[: data.rfind(b"\n") + 1], GENESIS, 1))
    _check_head(path, lines, head, frozenset(keys))
    return lines


def _parse(path: Path, data: bytes, previous: str, first: int) -> Iterator[EgressLine]:
    for number, text in enumerate(data.splitlines(), first):
        try:
            line = EgressLine.model_validate_json(text)
        except ValidationError:
            raise SecureSideError(f"Line {number} of the egress log {path} cannot be read.") from None
        if line.previous != previous or line.hash != line.digest() or line.sequence != number:
            gap = f"; its own number is {line.sequence}" if line.sequence != number else ""
            raise SecureSideError(
                f"Line {number} of the egress log {path} was changed, or a line before it is missing{gap}.", hint=_STOP
            )
        yield line
        previous = line.hash


_STOP = "Do not release anything more. Compare the log with your backup."


def _read_head(path: Path) -> Head | None:
    try:
        return Head.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        raise SecureSideError(f"The signed head of the egress log, {path}, cannot be read.", hint=_STOP) from None


def _check_head(path: Path, lines: list[EgressLine], head: Head | None, keys: frozenset[str]) -> None:
    where = path.with_name(HEAD)
    if head is None:
        if not lines:
            return
        raise SecureSideError(f"The signed head of the egress log, {where}, is missing.", hint=_STOP)
    if not head.is_signed() or (keys and head.key not in keys):
        raise SecureSideError(f"The head of the egress log, {where}, is not signed by a known runner.", hint=_STOP)
    if len(lines) < head.sequence:
        missing = head.sequence - len(lines)
        raise SecureSideError(
            f"The end of the egress log {path} was cut off after line {len(lines)}: "
            f"{missing} {'line is' if missing == 1 else 'lines are'} missing, up to {head.sequence}.",
            hint=_STOP,
        )
    if head.sequence and lines[head.sequence - 1].hash != head.hash:
        raise SecureSideError(
            f"Line {head.sequence} of the egress log {path} is not the one that was signed.", hint=_STOP
        )
    if keys:
        for line in lines:
            if line.key not in keys:
                raise SecureSideError(
                    f"Line {line.sequence} of the egress log {path} is of a runner that is not known.",
                    hint=f"Its key is {line.key}. Give the keys.json of every challenge that writes this log.",
                )


class EgressLog:
    """The log, open for appending by the runner of ``keys``, from any of its threads. Runners of several challenges
    may share one.

    Opening verifies the whole chain and the head. A last line without its newline was torn by a crash before its
    message was sent: it is set aside in ``egress.torn`` and the log goes on from the line before. ``ledger`` has
    the sums; other runners' lines are in it after ``held`` was entered. What was begun with another of the runner's
    keys, or with one that is retired, is this runner's to end.
    """

    def __init__(self, path: Path, keys: SecretKeys) -> None:
        self.path, self.ledger, self._keys = path, Ledger(), keys
        self.key = keys.public.signing
        self.keys = [one.public.signing for one in keys.held]
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._alone = ExitStack()
        try:
            for key in self.keys:
                self._alone.enter_context(self._lock(key).acquire(timeout=5))
        except Timeout:
            self._alone.close()
            raise SecureSideError(
                f"Another runner with the same keys writes the egress log {path}.",
                hint="Stop it first, or make keys of its own for each runner: pkit holder keys FILE --challenge FOLDER",
            ) from None
        for key in sorted(keys.retired.difference(self.keys)):
            with suppress(Timeout):  # one that still runs ends its work itself
                self._alone.enter_context(self._lock(key).acquire(timeout=0))
                self.keys.append(key)
        self._threads, self._turn = RLock(), FileLock(f"{path}.lock", mode=0o600)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._offset, self._sequence, self._last = 0, 0, GENESIS
        try:
            with self._turn:
                self._set_torn_line_aside()
                if not os.fstat(self._file).st_size and not path.with_name(HEAD).exists():
                    self._write_head(0, GENESIS)
                lines = read_egress(path)
                self._enter(lines, os.fstat(self._file).st_size)
        except BaseException:
            self.close()
            raise

    @property
    def count(self) -> int:
        """How many lines there are, as far as this runner knows."""
        return self._sequence

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes meanwhile, and what others wrote is in the ledger. May be entered within itself."""
        with self._threads, self._turn:
            size = self._size()
            if size != self._offset:
                self._set_torn_line_aside()
                size = self._size()
                data = os.pread(self._file, size - self._offset, self._offset)
                self._enter(_parse(self.path, data, self._last, self._sequence + 1), size)
            yield

    def is_written_by(self, key: str) -> bool:
        """Whether a runner with ``key`` works now, and can end what it began."""
        if key in self.keys:
            return True
        try:
            with self._lock(key).acquire(timeout=0):
                return False
        except Timeout:
            return True

    def began(self, submission: str) -> EgressLine | None:
        """The line by which this runner began a run of ``submission`` that has not ended, or holds its message."""
        lines = (self.ledger.open.get((submission, key)) for key in self.keys)
        return next(filter(None, lines), None)

    def _lock(self, key: str) -> FileLock:
        return FileLock(f"{self.path}.{key[:16]}.lock", mode=0o600, thread_local=False)

    def _size(self) -> int:
        """Bytes of the log. Raises :class:`SecureSideError` when it is another file than before, or shorter."""
        ours = os.fstat(self._file)
        try:
            same = os.path.samestat(ours, self.path.stat())
        except FileNotFoundError:
            same = False
        if not same or ours.st_size < self._offset:
            raise SecureSideError(f"The egress log {self.path} was replaced, or became shorter.", hint=_STOP)
        return ours.st_size

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
        dataset: str = "",
        reserved: float = 0.0,
        memory: Any = None,
    ) -> EgressLine:
        """Write one line to the disk; when this returns, it is there. Raises :class:`SecureSideError`."""
        with self.held():
            began = self.began(submission)
            line = EgressLine(
                sequence=self._sequence + 1,
                time=datetime.now(UTC),
                kind=kind,
                challenge=challenge,
                phase=phase,
                participant=participant,
                submission=submission,
                dataset=dataset,
                fields=fields,
                bits=0.0 if kind == HELD else sum(field.bits for field in fields),
                reserved=reserved,
                message=message,
                memory=memory,
                key=began.key if began else self.key,
                previous=self._last,
            )
            line = line.model_copy(update={"hash": line.digest()})
            data = line.model_dump_json().encode() + b"\n"
            try:
                if os.write(self._file, data) != len(data):
                    raise OSError(28, "No space left on device")
                os.fsync(self._file)
                self._write_head(line.sequence, line.hash)
            except OSError as error:
                os.ftruncate(self._file, self._offset)
                raise SecureSideError(
                    f"The egress log cannot be written ({error.strerror}), so nothing is released.",
                    hint=f"Make room on the disk of {self.path.parent}; the runner tries again by itself.",
                ) from None
            self._enter([line], self._offset + len(data))
        return line

    def _write_head(self, sequence: int, digest: str) -> None:
        """After its line: a crash between the two leaves a line more than was signed, never one less."""
        signature = self._keys.signer.sign(bytes.fromhex(digest)).hex()
        head = Head(sequence=sequence, hash=digest, key=self.key, signature=signature)
        path = self.path.with_name(HEAD)
        new = path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(head.model_dump_json().encode())
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)

    def _enter(self, lines: Iterable[EgressLine], size: int) -> None:
        for line in lines:
            self.ledger.enter(line)
            self._sequence, self._last = line.sequence, line.hash
        self._offset = size

    def _set_torn_line_aside(self) -> None:
        data = os.pread(self._file, os.fstat(self._file).st_size - self._offset, self._offset)
        if data and not data.endswith(b"\n"):
            whole = data.rfind(b"\n") + 1
            with self.path.with_suffix(".torn").open("ab") as file:
                file.write(data[whole:] + b"\n")
            os.ftruncate(self._file, self._offset + whole)

    def close(self) -> None:
        """Let another process take this runner's part."""
        os.close(self._file)
        self._alone.close()

"""Where this machine keeps a participant's settings and submissions."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock
from platformdirs import user_config_path, user_data_path

from participant_kit.participant.errors import ParticipantError

_NAME = "participant-kit"


def config_folder() -> Path:
    """Settings and credentials. ``PKIT_HOME`` names another folder for both kinds."""
    return _own() or user_config_path(_NAME)


def data_folder() -> Path:
    """Submissions made from this machine, and where kits were put."""
    return _own() or user_data_path(_NAME)


def write_whole(path: Path, content: bytes, *, private: bool = True) -> None:
    """Write ``path`` whole or not at all, readable by its owner alone if ``private``.

    Raises :class:`ParticipantError`, for a disk that is full among others.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
        descriptor, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)  # made with mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if not private:
            Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> ParticipantError:
    """The error for a disk that is full, or a folder in which one may not write."""
    hint = "Free some space, or check who may write there; PKIT_HOME names another folder for settings."
    return ParticipantError(f"{path} cannot be written: {error.strerror}.", hint=hint, code="disk")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock named after ``path``, which is about to be read and written. Raises :class:`ParticipantError`."""
    lock = path.with_suffix(".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        holder = FileLock(lock)
        holder.acquire()
    except OSError as error:
        raise cannot_write(lock, error) from None
    try:
        yield
    finally:
        holder.release()


def _own() -> Path | None:
    folder = os.environ.get("PKIT_HOME")
    return Path(folder).expanduser().absolute() if folder else None

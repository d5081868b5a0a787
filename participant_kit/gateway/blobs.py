"""Bytes: sealed notebooks, sealed logs, kits. Written whole or not at all; on disk, unless an S3 store is named."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

from participant_kit.gateway.errors import GatewayError, SettingsError
from participant_kit.gateway.settings import Settings

RESERVE = 16 << 20
"""Bytes of the disk that new work leaves free, so that results, logs and cancellations of what is there find room."""

SETTLED = 3600.0
"""Seconds after which a blob without a submission is nobody's; before, another process may be about to store that."""


class Blobs(ABC):
    """Blobs by kind and name. Names are made by the gateway, never by who sends.

    What the store fails to do is an :class:`OSError`; when it may be well in a moment, a :class:`StoreError`.
    """

    @abstractmethod
    def put(self, kind: str, name: str, data: bytes, *, reserve: int = 0) -> None:
        """Store ``data`` durably. Raises :class:`GatewayError` (507) unless ``reserve`` bytes stay free."""

    @abstractmethod
    def get(self, kind: str, name: str) -> bytes | None:
        """The bytes, or None."""

    @abstractmethod
    def remove(self, kind: str, name: str) -> None:
        """Take it away, if it is there."""

    @abstractmethod
    def sweep(self, kind: str, keep: Iterable[str]) -> None:
        """Remove what a crash left: every old blob of ``kind`` that is not in ``keep``."""


class StoreError(OSError):
    """The store of blobs does not answer, or not as it should."""


def open_blobs(settings: Settings) -> Blobs:
    """The store that ``settings`` name. Raises :class:`SettingsError` when it does not let the gateway in."""
    if settings.blobs is None:
        return Disk(settings.data / "blobs")
    if not settings.blobs.startswith("s3://"):
        hint = "Known: s3://BUCKET/PREFIX; without it, a folder in the data folder."
        raise SettingsError("The gateway does not know this store of blobs.", hint=hint)
    try:
        from participant_kit.gateway.s3 import S3
    except ImportError:
        hint = "Install it: pip install 'participant-kit[s3]'"
        raise SettingsError("An S3 store needs a library that is not installed.", hint=hint) from None
    return S3(settings.blobs)


class Disk(Blobs):
    """Files below ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, kind: str, name: str, data: bytes, *, reserve: int = 0) -> None:
        """Written beside it, then moved to its name."""
        folder = self._root / kind
        temporary = None
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if reserve and shutil.disk_usage(folder).free < len(data) + reserve:
                raise disk_full()
            descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            Path(temporary).replace(folder / name)
        except OSError as error:
            if temporary:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise disk_full() from None
            raise

    def get(self, kind: str, name: str) -> bytes | None:
        """The bytes, or None."""
        try:
            return (self._root / kind / name).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, kind: str, name: str) -> None:
        """Take it away, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            (self._root / kind / name).unlink()

    def sweep(self, kind: str, keep: Iterable[str]) -> None:
        """Also what was not written to its end."""
        kept, old = set(keep), time.time() - SETTLED
        for path in (self._root / kind).glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.name not in kept and path.stat().st_mtime < old:
                    path.unlink()


def disk_full() -> GatewayError:
    """The answer when nothing more can be stored."""
    hint = "Nothing was stored and no quota was used. Tell the organizer, and try again later."
    return GatewayError(507, "disk_full", "The gateway's disk is full.", hint=hint)

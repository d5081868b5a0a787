"""The starter kit as a zip: written byte for byte the same from the same files, and verified before it is used."""

from __future__ import annotations

import hashlib
import io
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict

from participant_kit.protocol.errors import ProtocolError

MANIFEST = "manifest.json"
MAX_KIT_BYTES = 1 << 30
MAX_KIT_FILES = 10_000
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Manifest(BaseModel):
    """``manifest.json``: the SHA-256 of every other file of the kit, by its path."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    challenge: str
    files: dict[str, str]


def pack_kit(folder: Path, challenge: str) -> bytes:
    """The files of ``folder``, with a manifest, as the bytes of a zip; equal files give equal bytes."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    contents = {path: (folder / path).read_bytes() for path in paths if path != MANIFEST}
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in contents.items()}
    manifest = Manifest(challenge=challenge, files=digests)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in {MANIFEST: manifest.model_dump_json(indent=2).encode() + b"\n", **contents}.items():
            entry = zipfile.ZipInfo(path, date_time=_EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, compresslevel=6)
    return buffer.getvalue()


def open_kit(data: bytes) -> dict[str, bytes]:
    """Every file of the kit by its path, checked against the manifest.

    Raises :class:`ProtocolError` for what is no kit: what :func:`unpack` refuses, and a changed, missing or additional
    file.
    """
    files = unpack(data)
    try:
        manifest = Manifest.model_validate_json(files.pop(MANIFEST))
    except (KeyError, ValueError):
        raise _no_zip("a zip with a manifest") from None
    for path in sorted(files.keys() | manifest.files.keys()):
        if path not in files or hashlib.sha256(files[path]).hexdigest() != manifest.files.get(path):
            raise ProtocolError(f"The kit's file {path!r} is not the one in its manifest.", hint="Download it again.")
    return files


def unpack(data: bytes, *, folders: bool = False) -> dict[str, bytes]:
    """Every file of a zip from elsewhere by its path; with ``folders``, entries of folders are passed over.

    Raises :class:`ProtocolError` for a path that climbs out, a link, two paths that are one on some systems, or
    more than ``MAX_KIT_BYTES``.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not (folders and entry.is_dir())]
            if len(entries) > MAX_KIT_FILES or sum(entry.file_size for entry in entries) > MAX_KIT_BYTES:
                raise ProtocolError(f"The kit is larger than {MAX_KIT_BYTES >> 20} MiB or {MAX_KIT_FILES} files.")
            for entry in entries:
                _check_path(entry)
            _check_collisions([entry.filename for entry in entries])
            return {entry.filename: _read(archive, entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError, OSError):
        raise _no_zip("a zip with a manifest" if not folders else "a zip") from None


def _no_zip(expected: str) -> ProtocolError:
    return ProtocolError(f"This is no starter kit: {expected}.", hint="Download it again.")


def kit_digest(data: bytes) -> str:
    """The SHA-256 of the zip, in hex: what an organizer publishes and a participant compares."""
    return hashlib.sha256(data).hexdigest()


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """No more than the entry declares: ``ZipFile.read`` would inflate all that it holds, and bzip2 always does."""
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError
    with archive.open(entry) as file:
        return file.read(entry.file_size)


def _check_collisions(paths: Iterable[str]) -> None:
    """No path twice, and none a folder of another, on systems that ignore case or the spelling of accents too."""
    files: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        folded = unicodedata.normalize("NFC", path.casefold())
        parents = {str(parent) for parent in PurePosixPath(folded).parents}
        if folded in files | folders or parents & files:
            raise ProtocolError(f"The kit holds {path[:80]!r} twice.")
        files.add(folded)
        folders |= parents


def _check_path(entry: zipfile.ZipInfo) -> None:
    path, mode = PurePosixPath(entry.filename), entry.external_attr >> 16
    climbs = path.is_absolute() or "\\" in entry.filename or ":" in entry.filename
    # Windows drops dots and spaces at an end, which makes a plain name of another, or a way out.
    odd = not entry.filename.isprintable() or any(part.endswith((".", " ")) for part in path.parts) or not path.parts
    if climbs or odd or str(path) != entry.filename or (mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode)):
        raise ProtocolError(f"The kit holds the path {entry.filename[:80]!r}, which is not a plain file inside it.")

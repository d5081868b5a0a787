"""A backup: the database and every blob that it says is there, in one file.

A blob comes before its row and goes after it, so what was copied before the database is seen is there, or was
still to come. So the blobs are copied first, then the database is seen at one moment, then what came in between is
copied; when some of that has gone already, the next moment is taken. Only then is the database written.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import Connection, exists, inspect, select

from participant_kit import __version__
from participant_kit.gateway.blobs import Blobs, open_blobs
from participant_kit.gateway.challenges import KITS, kit_name, read_kit_blob
from participant_kit.gateway.database import Database
from participant_kit.gateway.dump import BackupError, dump, kind_of, load, pin
from participant_kit.gateway.schema import check_known, revision_of
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.submissions import LOGS, SEALED
from participant_kit.gateway.tables import accounts, challenges, submissions
from participant_kit.protocol.states import FINAL

MANIFEST, DATABASE, BLOBS = "manifest.json", "database", "blobs"
_MEMBER = re.compile(rf"{DATABASE}|{BLOBS}/({SEALED}|{LOGS}|{KITS})/[\w-][\w.-]*")
_LOOKS = 20
"""Moments that are tried until one is found of which every blob is still there."""
_LATER = (
    "UPDATE submissions SET version = version + 1000000, revision = revision + 1000000",
    "UPDATE accounts SET revision = revision + 1000000",
    "UPDATE boards SET version = version + 1000000",
)
"""Who has watched the gateway has seen higher numbers than those of the backup, and would wait for them."""
_SETTLE = (
    "UPDATE submissions SET state = 'queued' WHERE state IN ('rehearsing', 'running')",
    "UPDATE submissions SET lease_sha256 = NULL, lease_expires = NULL",
    *_LATER,
)
"""No lease outlives a restore: a runner that has released before sends the same again, and no other runs it twice."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What is in a backup. ``missing`` are blobs that the gateway itself had lost."""

    format: Literal[1] = 1
    version: str = __version__
    revision: str
    database: str
    made_at: datetime
    members: dict[str, Digest]
    missing: list[str] = []


def back_up(settings: Settings, file: Path) -> Manifest:
    """Write a backup into ``file``, which must not exist. The gateway may be running. Raises :class:`BackupError`."""
    if file.exists():
        raise BackupError(f"{file} exists.", hint="Give each backup a name of its own, such as its date.")
    kind = kind_of(settings)
    database = Database(settings, as_it_is=True)
    try:
        with database.read() as connection:
            check_known(revision_of(connection))
        with _new_file(file) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            members: dict[str, str] = {}
            with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as folder:
                copy = Path(folder) / DATABASE
                revision, missing = _copy(settings, database, archive, members, copy)
                members[DATABASE] = _sha256(copy.read_bytes())
                archive.write(copy, DATABASE, zipfile.ZIP_DEFLATED)
            made = datetime.now(UTC)
            manifest = Manifest(revision=revision, database=kind, made_at=made, members=members, missing=missing)
            archive.writestr(MANIFEST, manifest.model_dump_json(indent=2))
    finally:
        database.close()
    return manifest


def _copy(
    settings: Settings, database: Database, archive: zipfile.ZipFile, members: dict[str, str], copy: Path
) -> tuple[str, list[str]]:
    """Copy blobs and database; the revision, and the blobs that were missing at every look."""
    blobs = open_blobs(settings)
    with database.read() as connection:
        missing = _copy_blobs(connection, blobs, archive, members)
    for left in reversed(range(_LOOKS)):
        with database.read() as connection:
            moment = pin(connection)
            missing &= (now := _copy_blobs(connection, blobs, archive, members))
            if now <= missing and (not now or left < _LOOKS // 2):  # what is missing at ten looks is lost
                revision = revision_of(connection) or ""
                dump(connection, moment, settings, copy)
                return revision, sorted(missing)
        time.sleep(0.02)
    raise BackupError("Submissions end faster than they can be copied.", hint="Try again when less is going on.")


def _copy_blobs(connection: Connection, blobs: Blobs, archive: zipfile.ZipFile, members: dict[str, str]) -> set[str]:
    """Copy what this transaction sees and is not copied yet; what is not there."""
    missing = set()
    for kind, name, digest in _needed(connection):
        member = f"{BLOBS}/{kind}/{name}"
        if member in members:
            continue
        slug = name.rpartition(".")[0]
        data = read_kit_blob(blobs, slug, digest or "") if kind == KITS else blobs.get(kind, name)
        if data is None or (digest and _sha256(data) != digest):
            missing.add(member)
            continue
        archive.writestr(member, data)
        members[member] = _sha256(data)
    return missing


def _needed(connection: Connection) -> Iterator[tuple[str, str, str | None]]:
    """Kind, name and, where it is known, the SHA-256 of each blob that the database says is there."""
    column = submissions.c
    final = [state.value for state in FINAL]
    for row in connection.execute(select(column.sealed, column.sealed_sha256).where(column.state.not_in(final))):
        yield SEALED, row.sealed, row.sealed_sha256
    for row in connection.execute(select(column.id).where(column.has_log)):
        yield LOGS, row.id, None
    for row in connection.execute(select(challenges.c.slug, challenges.c.kit_sha256)):
        yield KITS, kit_name(row.slug, row.kit_sha256), row.kit_sha256


def restore(settings: Settings, file: Path, *, force: bool = False) -> Manifest:
    """Bring back what is in ``file``. What is there now is replaced only with ``force``, and in one step.

    The gateway may be running; then it goes on with what was brought back. Raises :class:`BackupError`.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _read_manifest(archive, file, settings)
            _refuse_to_replace(settings, force)
            for old in settings.data.glob(".restore-*"):  # of one that was killed
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(dir=settings.data, prefix=".restore-") as folder:
                copy = Path(folder) / DATABASE
                copy.write_bytes(archive.read(DATABASE))
                _put_blobs(settings, archive, manifest)
                load(copy, manifest.revision, settings, _SETTLE)
            _put_blobs(settings, archive, manifest)  # a gateway that has started meanwhile has swept them
    except zipfile.BadZipFile:
        raise BackupError(f"{file} is no backup.", hint="Make one with: pkit gateway backup FILE") from None
    return manifest


def _read_manifest(archive: zipfile.ZipFile, file: Path, settings: Settings) -> Manifest:
    """What is in the backup, every byte of it compared."""
    try:
        content = json.loads(archive.read(MANIFEST))
        check_known(content.get("revision"))
        manifest = Manifest.model_validate(content)
    except (KeyError, ValueError, AttributeError, ValidationError):
        hint = "Make one with: pkit gateway backup FILE"
        raise BackupError(f"{file} is no backup that this version knows.", hint=hint) from None
    if manifest.database != (kind := kind_of(settings)):
        hint = "Give the --database that it is for."
        raise BackupError(f"The backup is of {manifest.database}, and this gateway has {kind}.", hint=hint)
    names = {*archive.namelist()} - {MANIFEST}
    wrong = sorted(name for name in names | manifest.members.keys() if not _MEMBER.fullmatch(name))
    wrong += sorted(names ^ manifest.members.keys())
    wrong += [name for name in names & manifest.members.keys() if _sha256(archive.read(name)) != manifest.members[name]]
    if wrong or DATABASE not in names:
        said = f"{file} is damaged: {', '.join(wrong[:3]) or DATABASE}."
        raise BackupError(said, hint="Nothing was changed. Use another backup.")
    return manifest


def _refuse_to_replace(settings: Settings, force: bool) -> None:
    database = Database(settings, as_it_is=True)
    try:
        with database.read() as connection:
            begun = inspect(connection).has_table(accounts.name)
            used = begun and connection.scalar(select(exists().where(accounts.c.name.is_not(None))))
    finally:
        database.close()
    if used and not force:
        hint = "Restore into another place, or replace what is there with --force."
        raise BackupError("There is a gateway already.", hint=hint)


def _put_blobs(settings: Settings, archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Put back what is not there: the bytes behind a name never change."""
    blobs = open_blobs(settings)
    for member in manifest.members:
        if member != DATABASE:
            _, kind, name = member.split("/")
            if blobs.get(kind, name) is None:
                blobs.put(kind, name, archive.read(member))


@contextmanager
def _new_file(file: Path) -> Iterator[Path]:
    """A file for its owner alone, that gets its name when it is whole and on the disk."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".backup-")
    temporary = Path(name)
    try:
        yield temporary
        os.fsync(descriptor)
        temporary.replace(file)
    finally:
        os.close(descriptor)
        temporary.unlink(missing_ok=True)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""One database as one file, and back: whole or not at all, also while a gateway works on it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Connection, make_url, text

from participant_kit.challenge.errors import KitError
from participant_kit.gateway.database import PATIENCE, Database
from participant_kit.gateway.schema import newest
from participant_kit.gateway.settings import Settings


class BackupError(KitError):
    """A backup cannot be made, or not be brought back."""

    code = "backup"


def kind_of(settings: Settings) -> str:
    """What the database is: ``sqlite``, or ``postgresql``."""
    kind = make_url(settings.database_url).get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise BackupError(f"A database of the kind {kind} is not backed up here.", hint="Use its own tools.")
    return kind


def pin(connection: Connection) -> str:
    """Let this transaction see one moment from its next look on; the name of that moment, if it has one."""
    if connection.dialect.name == "sqlite":
        return ""  # in WAL mode every transaction does
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    return str(connection.scalar(text("SELECT pg_export_snapshot()")))


def dump(connection: Connection, moment: str, settings: Settings, file: Path) -> None:
    """Write the database, as ``connection`` sees it since :func:`pin`, into ``file``."""
    if kind_of(settings) == "sqlite":
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - it is what SQLAlchemy has for SQLite
        with closing(sqlite3.connect(file)) as copy:
            driver.backup(copy)
        return
    _run("pg_dump", settings, "--format=custom", "--no-owner", "--no-acl", f"--snapshot={moment}", f"--file={file}")


def load(file: Path, revision: str | None, settings: Settings, then: Sequence[str]) -> None:
    """Put the database in ``file`` in the place of the one there is, changed by the statements in ``then``.

    ``file`` is used up. It is one transaction: who looks sees the old one or the new one.
    """
    if kind_of(settings) == "sqlite":
        database = Database(Settings(file.parent, f"sqlite:///{file}"))  # migrates it
        with database.write() as connection:
            for statement in then:
                connection.execute(text(statement))
        database.close()
        target = make_url(settings.database_url).database or ""
        try:
            with closing(sqlite3.connect(file)) as new, closing(sqlite3.connect(target, timeout=PATIENCE)) as old:
                old.execute("PRAGMA synchronous=FULL")
                new.backup(old)
        except sqlite3.Error as error:
            raise BackupError(f"The database was not replaced: {error}.", hint="The old one is as it was.") from None
        return
    if revision != newest():
        hint = "Restore it with the version that made it, then upgrade: pkit gateway upgrade"
        raise BackupError(f"The backup has the schema {revision}, and this program {newest()}.", hint=hint)
    script = file.with_suffix(".sql")
    options = ("--clean", "--if-exists", "--no-owner", "--no-acl")
    _run("pg_restore", None, *options, f"--file={script}", str(file))
    with script.open("a") as lines:
        # what pg_dump writes leaves no schema to look names up in
        lines.write("\nSET search_path = public;\n" + "".join(f"{statement};\n" for statement in then))
    _run(
        "psql", settings, "--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={script}"
    )


def _run(program: str, settings: Settings | None, *words: str) -> None:
    """One of PostgreSQL's own programs; the password is not in its words, which others can read."""
    if not shutil.which(program):
        hint = (
            "Install PostgreSQL's client programs, of the server's version or later: apt-get install postgresql-client"
        )
        raise BackupError(f"The program {program} is not here.", hint=hint)
    environment = dict(os.environ)
    if settings:
        url = make_url(settings.database_url)
        address = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
        words = (*words, f"--dbname={address.render_as_string()}")
        environment |= {"PGPASSWORD": str(url.password)} if url.password else {}
    done = subprocess.run([program, *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())[-500:]
        raise BackupError(f"{program} failed: {said}", hint="Nothing was changed.")

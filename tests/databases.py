"""The databases that the gateway's tests run on: SQLite, and a PostgreSQL of this process's own.

``PKIT_TEST_DATABASE`` names one of them: then the whole suite runs on it. Without it, tests of the gateway run on both,
and all others on SQLite.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, select, text

from participant_kit.gateway.database import Database, open_engine
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.tables import metadata

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where to put a folder whose every change would else wait for the disk; None is where folders are put anyway."""
CHOSEN = os.environ.get("PKIT_TEST_DATABASE")
DATABASES = (CHOSEN,) if CHOSEN else ("sqlite", "postgresql")
assert set(DATABASES) <= {"sqlite", "postgresql"}, f"PKIT_TEST_DATABASE={CHOSEN} is neither sqlite nor postgresql"
TEMPLATE = "migrated"


class PostgreSQL:
    """A server of an ordinary user's on a socket in a folder of its own, fast because nothing has to last."""

    def __init__(self) -> None:
        newest = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=MEMORY))
        self.user: tuple[str, ...] = ()
        if os.getuid() == 0:  # PostgreSQL refuses to be root's
            self.user = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
            shutil.chown(self.folder, "postgres", "postgres")
        self.folder.chmod(0o755)
        self.run(str(newest / "initdb"), "-D", f"{self.folder}/data", "-U", "pkit", "-A", "trust", "--no-sync")
        fast = " ".join(f"-c {setting}=off" for setting in ("fsync", "full_page_writes", "synchronous_commit"))
        options = f"-k {self.folder} -c listen_addresses= -c max_connections=200 {fast}"
        command = (str(newest / "pg_ctl"), "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w")
        self.run(*command, "-o", options, "start")
        atexit.register(shutil.rmtree, self.folder)
        atexit.register(self.run, *command, "-m", "immediate", "stop")
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        with tempfile.TemporaryDirectory() as data:
            Database(Settings(Path(data), self.url(TEMPLATE))).close()

    def run(self, *command: str) -> None:
        subprocess.run([*self.user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def url(self, name: str) -> str:
        return f"postgresql://pkit@/{name}?host={self.folder}"

    def execute(self, statement: str) -> None:
        engine = open_engine(self.url("postgres"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))
        engine.dispose()


@functools.cache
def postgresql() -> PostgreSQL:
    """The server; started when it is asked for first."""
    return PostgreSQL()


@contextlib.contextmanager
def fresh_database(name: str | None = CHOSEN, template: str = TEMPLATE) -> Iterator[str | None]:
    """The URL of a database with nothing in it but the newest schema; None for SQLite, whose file is made anyway."""
    if name != "postgresql":
        yield None
        return
    made = f"test_{uuid.uuid4().hex}"
    postgresql().execute(f"CREATE DATABASE {made} TEMPLATE {template}")
    try:
        yield postgresql().url(made)
    finally:
        postgresql().execute(f"DROP DATABASE {made} WITH (FORCE)")


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(dir=MEMORY) as data:
        Database(Settings(Path(data))).close()
        return Path(data, "gateway.sqlite").read_bytes()


def put_sqlite(data: Path) -> None:
    """Make the folder of a gateway with a database of SQLite that is migrated: most of a short test would be that."""
    data.mkdir(mode=0o700)
    (data / "gateway.sqlite").write_bytes(_migrated())


def query(settings: Settings, statement: str | Executable, *rows: dict[str, Any]) -> Any:
    """Ask the database of a gateway itself, or change it behind the gateway's back, once for each of ``rows``."""
    asked = text(statement) if isinstance(statement, str) else statement
    engine = open_engine(settings.database_url)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        result = connection.execute(asked, list(rows) or None)
        found = result.all() if result.returns_rows else None
    engine.dispose()
    return found


def everything(settings: Settings) -> bytes:
    """Every row of a gateway's database, in whatever form."""
    return repr([query(settings, select(table)) for table in metadata.sorted_tables]).encode()

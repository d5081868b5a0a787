"""The database: SQLite in WAL mode by default, anything else by its URL. Migrated to the newest schema when opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event

from participant_kit.gateway.schema import migrate
from participant_kit.gateway.settings import Settings

PATIENCE = 20.0
"""Seconds for which a change waits for another process that holds SQLite's write lock."""


class Database:
    """Transactions of one gateway. A writing one sees what it read unchanged until it commits.

    With ``as_it_is`` the schema is left alone, whichever it is.
    """

    def __init__(self, settings: Settings, *, as_it_is: bool = False) -> None:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._engine = create_engine(settings.database_url)
        self._sqlite = self._engine.dialect.name == "sqlite"
        if self._sqlite:
            event.listen(self._engine, "connect", _configure_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        if not as_it_is:
            with self._engine.connect() as connection:
                migrate(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes; on SQLite it holds the write lock from its start."""
        with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    @property
    def skips_locked(self) -> bool:
        """Whether claims by several processes can skip each other's rows (``FOR UPDATE SKIP LOCKED``)."""
        return not self._sqlite

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def _configure_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN is used, see below
    patience = f"busy_timeout={PATIENCE * 1000:.0f}"
    for pragma in (patience, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

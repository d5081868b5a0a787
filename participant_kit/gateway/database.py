"""The database: SQLite in WAL mode by default, PostgreSQL by its URL. Migrated to the newest schema when opened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, OperationalError

from participant_kit.gateway.errors import SettingsError
from participant_kit.gateway.postgresql import CHANNEL, open_postgresql
from participant_kit.gateway.schema import migrate
from participant_kit.gateway.settings import Settings

PATIENCE = 20.0
"""Seconds for which a change waits for another one that holds what it needs."""
_TOLD = "told"
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Database:
    """Transactions of one gateway.

    On SQLite a writing one is alone from its start. On PostgreSQL those of several processes run beside each other, and
    each locks the rows that it reads in order to change them: a submission first, then its participant's account.

    With ``as_it_is`` the schema is left alone, whichever it is.
    """

    def __init__(self, settings: Settings, *, as_it_is: bool = False) -> None:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._url = settings.database_url
        self._engine = open_engine(self._url)
        self._sqlite = self._engine.dialect.name == "sqlite"
        self._alone: AbstractContextManager[Any] = threading.Lock() if self._sqlite else nullcontext()
        if not as_it_is:
            self._migrate()

    def _migrate(self) -> None:
        try:
            with self._engine.connect().execution_options(writes=True) as connection:
                migrate(connection)
        except OperationalError as error:
            hint = "Start it, or correct the database's URL."
            raise SettingsError(f"The database does not let the gateway in: {error.orig}", hint=hint) from None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes; on PostgreSQL, every process hears of it when it is committed."""
        with self._alone, self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            names = connection.info[_TOLD] = set[str]()
            yield connection
            if not self._sqlite and connection.in_transaction():
                connection.execute(select(func.pg_notify(CHANNEL, ",".join(sorted(names)))))

    @property
    def tells(self) -> str | None:
        """The address at which :data:`CHANNEL` is heard; None where the database tells nobody."""
        return None if self._sqlite else f"postgresql:{self._url.partition(':')[2]}"

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def tell(connection: Connection, *names: str) -> None:
    """Let those who wait under ``names``, in whichever process, hear of this transaction when it is committed."""
    connection.info.setdefault(_TOLD, set()).update(names)


def insert_missing(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless there is one of its key, and whether that was so; of two at once, one does."""
    statement = _INSERT[connection.dialect.name](table).values(**values)
    return bool(connection.execute(statement.on_conflict_do_nothing()).rowcount)


def open_engine(address: str) -> Engine:
    """The engine for a URL. Raises :class:`SettingsError` unless it is one of SQLite or PostgreSQL."""
    hint = "Known: sqlite:///FILE, and postgresql://USER@HOST/NAME"
    try:
        url = make_url(address)
    except ArgumentError:  # its text quotes the URL, in which a password may be
        raise SettingsError("This is no URL of a database.", hint=hint) from None
    if url.drivername in ("postgresql", "postgresql+pg8000"):
        return open_postgresql(url, PATIENCE)
    if url.drivername != "sqlite":
        raise SettingsError(f"The gateway does not know {url.drivername}:// as a database.", hint=hint)
    engine = create_engine(url)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN is used, see below
    patience = f"busy_timeout={PATIENCE * 1000:.0f}"
    for pragma in (patience, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

"""PostgreSQL by the URL that its own programs take. Queries go over pg8000; asyncpg hears notifications."""

from __future__ import annotations

import ssl
from typing import Any

from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import OperationalError

from participant_kit.gateway.errors import SettingsError

CHANNEL = "pkit_changed"
"""On which every process of the gateway hears that something was changed."""
_PARAMETERS = ("host", "sslmode", "sslrootcert")
"""What may stand behind the question mark."""
_PASSING = ("08", "28", "3D", "40", "53", "55", "57", "25P03")
"""Classes of errors that say nothing of the query: connection, login, conflict, resources, locks, an administrator."""


def open_postgresql(url: URL, patience: float) -> Engine:
    """An engine whose every change waits ``patience`` seconds for a lock. Raises :class:`SettingsError`."""
    try:
        import asyncpg  # noqa: F401 - asked for now, needed by the bell
        import pg8000
    except ImportError:
        hint = "Install them: pip install 'participant-kit[postgresql]'"
        raise SettingsError("PostgreSQL needs drivers that are not installed.", hint=hint) from None
    if unknown := set(url.query) - set(_PARAMETERS):
        hint = f"Known: {', '.join(_PARAMETERS)}."
        raise SettingsError(f"The database's URL has a parameter {sorted(unknown)[0]!r}.", hint=hint)
    arguments: dict[str, Any] = {"ssl_context": _tls(url), "application_name": "participant-kit gateway"}
    folder = url.query.get("host")
    if isinstance(folder, str):
        arguments |= {"unix_sock": f"{folder}/.s.PGSQL.{url.port or 5432}", "ssl_context": False}
    plain = url.set(drivername="postgresql+pg8000", query={})
    engine = create_engine(plain, connect_args=arguments, pool_size=10, max_overflow=20, pool_timeout=patience)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {patience * 1000:.0f}")
        # a process of ours that was stopped keeps no lock for ever
        cursor.execute(f"SET idle_in_transaction_session_timeout = {3 * patience * 1000:.0f}")
        connection.commit()

    @event.listens_for(engine, "handle_error")
    def translate(context: ExceptionContext) -> Exception | None:
        """pg8000 has one class for what is wrong in a query and for what may be well the next time."""
        said = context.original_exception
        code = said.args[0].get("C", "") if said.args and isinstance(said.args[0], dict) else ""
        if isinstance(said, pg8000.InterfaceError) or code.startswith(_PASSING):
            return OperationalError(None, None, said)
        return None

    return engine


def _tls(url: URL) -> ssl.SSLContext | bool | None:
    """What pg8000 takes for libpq's ``sslmode``."""
    mode, authority = url.query.get("sslmode", "prefer"), url.query.get("sslrootcert")
    if mode in ("verify-full", "verify-ca"):  # the name is always verified
        try:
            return ssl.create_default_context(cafile=authority if isinstance(authority, str) else None)
        except OSError as error:
            raise SettingsError(f"The certificates in sslrootcert cannot be read: {error.strerror}.") from None
    known: dict[Any, bool | None] = {"disable": False, "prefer": None, "require": True}
    if mode not in known:
        raise SettingsError(f"{mode!r} is no sslmode.", hint=f"Known: {', '.join(known)}, verify-full.")
    return known[mode]

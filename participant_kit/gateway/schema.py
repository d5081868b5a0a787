"""The database's schema: which revision it has, which one this program knows, and the way from one to the other."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from participant_kit.challenge.errors import KitError

_MIGRATING = 0x706B6974
"""The advisory lock of PostgreSQL that one process has while it migrates."""


class SchemaError(KitError):
    """The database is of another version of this program."""

    code = "schema"


@cache
def _revisions() -> tuple[str, ...]:
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def newest() -> str:
    """The revision that this program works with."""
    return _revisions()[0]


def revision_of(connection: Connection) -> str | None:
    """The revision of a database; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def check_known(revision: str | None) -> None:
    """Raise :class:`SchemaError` for a revision that only a newer program can have made."""
    if revision is not None and revision not in _revisions():
        raise SchemaError(
            f"The database has the schema {revision}, and this program knows none after {newest()}.",
            hint="It was migrated by a newer version. Install that one, or restore a backup from before.",
        )


def migrate(connection: Connection) -> tuple[str | None, str]:
    """Bring it to the newest revision; from which one to which. Raises :class:`SchemaError`, see check_known."""
    if connection.dialect.name == "postgresql":  # until the migrations are committed
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
    before = revision_of(connection)
    check_known(before)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before, newest()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config

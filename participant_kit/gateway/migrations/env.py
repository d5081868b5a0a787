"""Alembic's entry point. The connection is handed over by :class:`participant_kit.gateway.database.Database`."""

from alembic import context

from participant_kit.gateway.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
connection.commit()

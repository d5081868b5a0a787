"""Changes of an account counted, and what its submissions revealed"""

import base64
import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the first schema."""
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("submissions") as batch_op:
        batch_op.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("bits", sa.Float(), nullable=False, server_default="0"))
        batch_op.create_index("submissions_changed", ["participant", "challenge", "revision"])
    connection = op.get_bind()
    _number(connection)
    _count_bits(connection)


def _number(connection: sa.Connection) -> None:
    """A revision for each submission, in the order in which they were made."""
    connection.execute(
        sa.text(
            "UPDATE submissions SET revision = (SELECT count(*) FROM submissions AS other "
            "WHERE other.participant = submissions.participant AND other.id <= submissions.id)"
        )
    )
    connection.execute(
        sa.text(
            "UPDATE accounts SET revision = "
            "(SELECT count(*) FROM submissions WHERE submissions.participant = accounts.name)"
        )
    )


def _count_bits(connection: sa.Connection) -> None:
    """What the receipts say."""
    results = sa.table("results", sa.column("submission"), sa.column("envelope", sa.JSON()))
    for identifier, envelope in connection.execute(sa.select(results.c.submission, results.c.envelope)).all():
        bits = json.loads(base64.b64decode(envelope["payload"]))["predicate"]["bits"]
        values = {"bits": bits, "id": identifier}
        connection.execute(sa.text("UPDATE submissions SET bits = :bits WHERE id = :id"), values)

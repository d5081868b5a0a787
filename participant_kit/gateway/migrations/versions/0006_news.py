"""News by mail and webhook: who wants what, and an outbox"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the fifth schema."""
    op.create_table(
        "channels",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=64), sa.ForeignKey("accounts.name"), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="mail or webhook"),
        sa.Column("address", sa.String(length=500), nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False, comment="signs a webhook; opens a mail's links"),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False, comment="whether who has the address wants it"),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_channels_account", "channels", ["account"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=36), sa.ForeignKey("channels.id", ondelete="CASCADE"), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("message", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("next_at", sa.Float(), comment="when it is tried next; None once it was sent, or given up"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.Float()),
        sa.Column("answer", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("outbox_due", "outbox", ["next_at"])
    op.create_index("outbox_of_channel", "outbox", ["channel", "created_at"])
    op.create_table(
        "milestones",
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("moment", sa.Float(), nullable=False, comment="when it began or ended; told once"),
        sa.PrimaryKeyConstraint("challenge", "phase", "what", "moment"),
    )

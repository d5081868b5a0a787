"""Who takes part in which challenge, and whose logging in is locked for a while"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the seventh schema."""
    op.create_table(
        "participations",
        sa.Column("challenge", sa.String(length=64), sa.ForeignKey("challenges.slug"), nullable=False),
        sa.Column("account", sa.String(length=64), sa.ForeignKey("accounts.name"), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("challenge", "account"),
        comment="who has fetched a challenge's kit as themselves; who has submitted takes part as well",
    )
    op.create_table(
        "lockouts",
        sa.Column("account", sa.String(length=64), sa.ForeignKey("accounts.name"), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False, comment="when the first of them was"),
        sa.Column("until", sa.Float(), comment="until when it is locked; None while it is not yet"),
        sa.PrimaryKeyConstraint("account", "address"),
        comment="logins that failed with what was once a token of the account; forgotten after a day",
    )

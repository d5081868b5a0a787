"""Who somebody is elsewhere: at an OpenID provider, or on a JupyterHub"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the sixth schema."""
    op.create_table(
        "identities",
        sa.Column(
            "issuer", sa.String(length=300), nullable=False, comment="of OpenID Connect, or the address of a JupyterHub"
        ),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("account", sa.String(length=64), sa.ForeignKey("accounts.name"), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
    op.create_index("ix_identities_account", "identities", ["account"])

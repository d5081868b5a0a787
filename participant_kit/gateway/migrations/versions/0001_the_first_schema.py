"""The first schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From nothing."""
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "best",
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=64), nullable=False),
        sa.Column("participant", sa.String(length=64), nullable=False),
        sa.Column("rank_by", sa.Float(), nullable=False, comment="the primary score, turned so that less is better"),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("submitted_at", sa.Float(), nullable=False),
        sa.Column("submissions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("challenge", "phase", "participant"),
    )
    with op.batch_alter_table("best", schema=None) as batch_op:
        batch_op.create_index("best_in_order", ["challenge", "phase", "rank_by", "submitted_at"], unique=False)

    op.create_table(
        "boards",
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("challenge", "phase"),
    )
    op.create_table(
        "challenges",
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("kit_sha256", sa.String(length=64), nullable=False),
        sa.Column("kit_bytes", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("slug"),
    )
    op.create_table(
        "submissions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=64), nullable=False),
        sa.Column("participant", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "waits_for",
            sa.String(length=16),
            nullable=True,
            comment="the role that is to claim it next, while queued or lent",
        ),
        sa.Column("rehearsed", sa.Boolean(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("sealed_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False, comment="attempts of this role whose lease ran out"),
        sa.Column("runner", sa.String(length=100), nullable=True),
        sa.Column("lease_sha256", sa.String(length=64), nullable=True),
        sa.Column("lease_expires", sa.Float(), nullable=True),
        sa.Column("has_log", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.JSON(), nullable=True),
        sa.Column("scores", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["challenge"],
            ["challenges.slug"],
        ),
        sa.ForeignKeyConstraint(
            ["participant"],
            ["accounts.name"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.create_index("submissions_leased", ["lease_expires"], unique=False)
        batch_op.create_index(
            "submissions_of_participant", ["participant", "challenge", "phase", "created_at"], unique=False
        )
        batch_op.create_index("submissions_waiting", ["challenge", "waits_for", "state", "created_at"], unique=False)

    op.create_table(
        "tokens",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account"],
            ["accounts.name"],
        ),
        sa.PrimaryKeyConstraint("sha256"),
    )
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tokens_account"), ["account"], unique=False)

    op.create_table(
        "results",
        sa.Column("submission", sa.String(length=36), nullable=False, comment="at most one result"),
        sa.Column("envelope", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission"],
            ["submissions.id"],
        ),
        sa.PrimaryKeyConstraint("submission"),
    )


def downgrade() -> None:
    """To nothing."""
    op.drop_table("results")
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tokens_account"))

    op.drop_table("tokens")
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.drop_index("submissions_waiting")
        batch_op.drop_index("submissions_of_participant")
        batch_op.drop_index("submissions_leased")

    op.drop_table("submissions")
    op.drop_table("challenges")
    op.drop_table("boards")
    with op.batch_alter_table("best", schema=None) as batch_op:
        batch_op.drop_index("best_in_order")

    op.drop_table("best")
    op.drop_table("accounts")

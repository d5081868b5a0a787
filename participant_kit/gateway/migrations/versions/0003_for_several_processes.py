"""A blob's name is one attempt's own; the bits of a phase are counted as they come; indexes for long queues"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COMMENTS = (
    ("accounts", "revision", "counts the changes of this account's submissions"),
    ("submissions", "revision", "that of the account at the last change"),
    ("submissions", "bits", "what it revealed, as far as the gateway knows"),
)


def upgrade() -> None:
    """From the second schema."""
    op.add_column("submissions", sa.Column("sealed", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("boards", sa.Column("bits", sa.Float(), nullable=False, server_default="0"))
    op.execute("UPDATE submissions SET sealed = id || '.' || substr(sealed_sha256, 1, 16)")
    op.execute("UPDATE submissions SET lease_expires = NULL WHERE state = 'cancelled'")
    op.execute(
        "INSERT INTO boards (challenge, phase, version, bits) SELECT DISTINCT challenge, phase, 0, 0 FROM submissions "
        "WHERE NOT EXISTS (SELECT 1 FROM boards "
        "WHERE boards.challenge = submissions.challenge AND boards.phase = submissions.phase)"
    )
    op.execute(
        "UPDATE boards SET bits = coalesce((SELECT sum(bits) FROM submissions "
        "WHERE submissions.challenge = boards.challenge AND submissions.phase = boards.phase), 0)"
    )
    op.drop_index("submissions_waiting", "submissions")
    op.create_index("submissions_waiting", "submissions", ["challenge", "waits_for", "state", "created_at", "id"])
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        named = (
            ("submissions", "sealed", "the name of its blob, which is that of no other"),
            ("boards", "bits", "what all submissions to the phase have revealed"),
        )
        for table, column, comment in (*COMMENTS, *named):
            op.execute(sa.text(f"COMMENT ON COLUMN {table}.{column} IS '{comment.replace(chr(39), chr(39) * 2)}'"))

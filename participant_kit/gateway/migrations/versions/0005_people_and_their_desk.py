"""Sessions, invitations, teams, an audit log; what an organizer decides about submissions, phases and boards"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COMMENTS = {
    "accounts": {
        "state": "active, waiting for approval, or paused",
        "team": "whose quota and row on the board it shares",
        "is_team": "several people; nobody logs in as it",
    },
    "challenges": {"changes": "by phase, what the organizer changed since the kit was published"},
    "submissions": {
        "submitted_by": "the person; the participant may be a team",
        "disqualified": "why it does not count, which its participant sees",
    },
    "boards": {"since": "what was submitted before is not on it any more"},
}
STAYS = "The audit log is append-only."


def upgrade() -> None:
    """From the fourth schema."""
    op.add_column("accounts", sa.Column("state", sa.String(length=16), nullable=False, server_default="active"))
    op.execute("ALTER TABLE accounts ADD COLUMN team VARCHAR(64) REFERENCES accounts (name)")
    op.add_column("accounts", sa.Column("is_team", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("challenges", sa.Column("changes", sa.JSON()))
    op.add_column("submissions", sa.Column("submitted_by", sa.String(length=64)))
    op.add_column("submissions", sa.Column("disqualified", sa.String(length=500)))
    op.add_column("boards", sa.Column("since", sa.Float(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        for table, columns in COMMENTS.items():
            for column, comment in columns.items():
                op.execute(f"COMMENT ON COLUMN {table}.{column} IS '{comment}'")
    _people()
    _desk()
    op.execute("UPDATE submissions SET submitted_by = participant")
    op.execute(
        "INSERT INTO history (submission, version, state, since, runner) "
        "SELECT id, version, state, updated_at, runner FROM submissions"
    )
    _let_the_audit_log_stay()


def _people() -> None:
    op.create_table(
        "sessions",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), sa.ForeignKey("accounts.name"), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index("ix_sessions_account", "sessions", ["account"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False, comment="of what stands in the link"),
        sa.Column("team", sa.String(length=64), sa.ForeignKey("accounts.name")),
        sa.Column("approve", sa.Boolean(), nullable=False, comment="whether who comes by it waits for an organizer"),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("revoked_at", sa.Float()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column(
            "account", sa.String(length=64), nullable=False, comment="who did it; 'operator' is the command line"
        ),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False, comment="what it was done to"),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="every administrative act; triggers let no line be changed or removed",
    )


def _desk() -> None:
    op.create_table(
        "history",
        sa.Column("submission", sa.String(length=36), sa.ForeignKey("submissions.id"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("runner", sa.String(length=100)),
        sa.PrimaryKeyConstraint("submission", "version"),
    )
    op.create_table(
        "announcements",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("challenge", sa.String(length=64), sa.ForeignKey("challenges.slug"), comment="None is for all"),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.String(length=10000), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("withdrawn_at", sa.Float()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "runners",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=64), sa.ForeignKey("accounts.name"), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("version", sa.String(length=64)),
        sa.Column("challenges", sa.JSON(), nullable=False),
        sa.Column("cpus", sa.Integer()),
        sa.Column("memory", sa.BigInteger()),
        sa.Column("wall_time", sa.Float()),
        sa.PrimaryKeyConstraint("name", "role"),
    )


def _let_the_audit_log_stay() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_stays_{verb.lower()} BEFORE {verb} ON audit "
                f"BEGIN SELECT RAISE(ABORT, '{STAYS}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{STAYS}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()"
    )

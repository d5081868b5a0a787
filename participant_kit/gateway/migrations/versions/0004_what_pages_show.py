"""Every best score with its moment, for boards of a day; what pages show of a kit; challenges that are withdrawn"""

from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the third schema."""
    why = "why nobody may take part any more"
    op.add_column("challenges", sa.Column("withdrawn", sa.String(length=1000), comment=why))
    op.add_column("challenges", sa.Column("withdrawn_at", sa.Float()))
    op.create_table(
        "shown",
        sa.Column("challenge", sa.String(length=64), sa.ForeignKey("challenges.slug"), primary_key=True),
        sa.Column("name", sa.String(length=120), primary_key=True, comment="made of the kit when it is published"),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    records = op.create_table(
        "records",
        sa.Column(
            "submission",
            sa.String(length=36),
            sa.ForeignKey("submissions.id"),
            primary_key=True,
            comment="was its participant's best",
        ),
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=64), nullable=False),
        sa.Column("participant", sa.String(length=64), nullable=False),
        sa.Column("rank_by", sa.Float(), nullable=False),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("submitted_at", sa.Float(), nullable=False),
        sa.Column("entered_at", sa.Float(), nullable=False, comment="when it came to the board"),
        sa.Column("leads", sa.Boolean(), nullable=False, comment="whether it was then the best of all"),
    )
    op.create_index("records_in_time", "records", ["challenge", "phase", "entered_at"])
    op.create_index("records_that_led", "records", ["challenge", "phase", "leads", "entered_at"])
    _fill(records)


def _fill(records: sa.Table) -> None:
    """Every score that was its participant's best when it came, in the order in which they came."""
    connection = op.get_bind()
    cards = sa.table("challenges", sa.column("slug"), sa.column("card", sa.JSON))
    primary = {
        row.slug: next(metric for metric in row.card["metrics"] if metric.get("primary"))
        for row in connection.execute(sa.select(cards))
    }
    made = sa.table(
        "submissions",
        *map(sa.column, ("id", "challenge", "phase", "participant", "state", "created_at")),
        sa.column("scores", sa.JSON),
    )
    results = sa.table("results", sa.column("submission"), sa.column("created_at"))
    query = (
        sa.select(made, results.c.created_at.label("entered_at"))
        .join(results, results.c.submission == made.c.id)
        .where(made.c.state == "scored")
        .order_by(made.c.challenge, made.c.phase, results.c.created_at, made.c.created_at)
    )
    for (challenge, _), rows in groupby(connection.execute(query), lambda row: (row.challenge, row.phase)):
        metric, best = primary[challenge], dict[str, float]()
        for row in rows:
            score = (row.scores or {}).get(metric["name"])
            if score is None:
                continue
            rank_by = -score if metric["higher_is_better"] else score
            if rank_by >= best.get(row.participant, float("inf")):
                continue
            leads = rank_by < min(best.values(), default=float("inf"))
            best[row.participant] = rank_by
            values = {
                "submission": row.id,
                "challenge": row.challenge,
                "phase": row.phase,
                "participant": row.participant,
                "rank_by": rank_by,
                "scores": row.scores,
                "submitted_at": row.created_at,
                "entered_at": row.entered_at,
                "leads": leads,
            }
            connection.execute(records.insert().values(values))

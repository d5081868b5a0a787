"""The tables. What is stored in the clear is what may be public; notebooks and logs are sealed, tokens hashed."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("revision", Integer, nullable=False, default=0, comment="counts the changes of this account's submissions"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("account", ForeignKey("accounts.name"), nullable=False, index=True),
    Column("expires_at", Float),
)

challenges = Table(
    "challenges",
    metadata,
    Column("slug", String(64), primary_key=True),
    Column("card", JSON, nullable=False),
    Column("keys", JSON, nullable=False),
    Column("kit_sha256", String(64), nullable=False),
    Column("kit_bytes", Integer, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("withdrawn", String(1000), comment="why nobody may take part any more"),
    Column("withdrawn_at", Float),
)

shown = Table(
    "shown",
    metadata,
    Column("challenge", ForeignKey("challenges.slug"), primary_key=True),
    Column("name", String(120), primary_key=True, comment="made of the kit when it is published"),
    Column("media_type", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("challenge", ForeignKey("challenges.slug"), nullable=False),
    Column("phase", String(64), nullable=False),
    Column("participant", ForeignKey("accounts.name"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("revision", Integer, nullable=False, comment="that of the account at the last change"),
    Column("waits_for", String(16), comment="the role that is to claim it next, while queued or lent"),
    Column("rehearsed", Boolean, nullable=False, default=False),
    Column("counted", Boolean, nullable=False, default=True),
    Column("sealed_sha256", String(64), nullable=False),
    Column("sealed", String(64), nullable=False, comment="the name of its blob, which is that of no other"),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("lost", Integer, nullable=False, default=0, comment="attempts of this role whose lease ran out"),
    Column("runner", String(100)),
    Column("lease_sha256", String(64)),
    Column("lease_expires", Float),
    Column("has_log", Boolean, nullable=False, default=False),
    Column("failure", JSON),
    Column("scores", JSON),
    Column("bits", Float, nullable=False, default=0.0, comment="what it revealed, as far as the gateway knows"),
    Index("submissions_of_participant", "participant", "challenge", "phase", "created_at"),
    Index("submissions_changed", "participant", "challenge", "revision"),
    Index("submissions_waiting", "challenge", "waits_for", "state", "created_at", "id"),
    Index("submissions_leased", "lease_expires"),
)

results = Table(
    "results",
    metadata,
    Column("submission", ForeignKey("submissions.id"), primary_key=True, comment="at most one result"),
    Column("envelope", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
)

best = Table(
    "best",
    metadata,
    Column("challenge", String(64), primary_key=True),
    Column("phase", String(64), primary_key=True),
    Column("participant", String(64), primary_key=True),
    Column("rank_by", Float, nullable=False, comment="the primary score, turned so that less is better"),
    Column("scores", JSON, nullable=False),
    Column("submitted_at", Float, nullable=False),
    Column("submissions", Integer, nullable=False),
    Index("best_in_order", "challenge", "phase", "rank_by", "submitted_at"),
)

records = Table(
    "records",
    metadata,
    Column("submission", ForeignKey("submissions.id"), primary_key=True, comment="was its participant's best"),
    Column("challenge", String(64), nullable=False),
    Column("phase", String(64), nullable=False),
    Column("participant", String(64), nullable=False),
    Column("rank_by", Float, nullable=False),
    Column("scores", JSON, nullable=False),
    Column("submitted_at", Float, nullable=False),
    Column("entered_at", Float, nullable=False, comment="when it came to the board"),
    Column("leads", Boolean, nullable=False, comment="whether it was then the best of all"),
    Index("records_in_time", "challenge", "phase", "entered_at"),
    Index("records_that_led", "challenge", "phase", "leads", "entered_at"),
)

boards = Table(
    "boards",
    metadata,
    Column("challenge", String(64), primary_key=True),
    Column("phase", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("bits", Float, nullable=False, comment="what all submissions to the phase have revealed"),
)

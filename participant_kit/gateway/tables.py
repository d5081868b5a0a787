"""The tables. What is stored in the clear is what may be public; notebooks and logs are sealed, tokens hashed."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("revision", Integer, nullable=False, default=0, comment="counts the changes of this account's submissions"),
    Column("state", String(16), nullable=False, default="active", comment="active, waiting for approval, or paused"),
    Column("team", ForeignKey("accounts.name"), comment="whose quota and row on the board it shares"),
    Column("is_team", Boolean, nullable=False, default=False, comment="several people; nobody logs in as it"),
    Index("accounts_by_name", "role", "is_team", "name"),
    Index("accounts_in_state", "state", "name"),
    Index("accounts_of_team", "team", "name"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("account", ForeignKey("accounts.name"), nullable=False, index=True),
    Column("expires_at", Float),
)

sessions = Table(
    "sessions",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("account", ForeignKey("accounts.name"), nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True, comment="of what stands in the link"),
    Column("team", ForeignKey("accounts.name")),
    Column("approve", Boolean, nullable=False, comment="whether who comes by it waits for an organizer"),
    Column("uses", Integer, nullable=False),
    Column("used", Integer, nullable=False, default=0),
    Column("note", String(200), nullable=False, default=""),
    Column("created_by", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("revoked_at", Float),
    Index("invitations_in_time", "created_at", "id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("account", String(64), nullable=False, comment="who did it; 'operator' is the command line"),
    Column("act", String(64), nullable=False),
    Column("subject", String(200), nullable=False, comment="what it was done to"),
    Column("detail", JSON, nullable=False),
    Index("audit_of_account", "account", "id"),
    Index("audit_on_subject", "subject", "id"),
    comment="every administrative act; triggers let no line be changed or removed",
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
    Column("changes", JSON, comment="by phase, what the organizer changed since the kit was published"),
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
    Column("submitted_by", String(64), comment="the person; the participant may be a team"),
    Column("disqualified", String(500), comment="why it does not count, which its participant sees"),
    Index("submissions_of_participant", "participant", "challenge", "phase", "created_at"),
    Index("submissions_changed", "participant", "challenge", "revision"),
    Index("submissions_waiting", "challenge", "waits_for", "state", "created_at", "id"),
    Index("submissions_leased", "lease_expires"),
    Index("submissions_in_time", "created_at", "id"),
    Index("submissions_of_challenge", "challenge", "created_at", "id"),
    Index("submissions_in_state", "state", "created_at", "id"),
)

history = Table(
    "history",
    metadata,
    Column("submission", ForeignKey("submissions.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("since", Float, nullable=False),
    Column("runner", String(100)),
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
    Column("since", Float, nullable=False, default=0.0, comment="what was submitted before is not on it any more"),
)

announcements = Table(
    "announcements",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("challenge", ForeignKey("challenges.slug"), comment="None is for all"),
    Column("title", String(200), nullable=False),
    Column("text", String(10000), nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("withdrawn_at", Float),
)

runners = Table(
    "runners",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("account", ForeignKey("accounts.name"), nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("version", String(64)),
    Column("challenges", JSON, nullable=False),
    Column("cpus", Integer),
    Column("memory", BigInteger),
    Column("wall_time", Float),
)

channels = Table(
    "channels",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", ForeignKey("accounts.name"), nullable=False, index=True),
    Column("kind", String(16), nullable=False, comment="mail or webhook"),
    Column("address", String(500), nullable=False),
    Column("secret", String(100), nullable=False, comment="signs a webhook; opens a mail's links"),
    Column("events", JSON, nullable=False),
    Column("confirmed", Boolean, nullable=False, comment="whether who has the address wants it"),
    Column("created_at", Float, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("channel", ForeignKey("channels.id", ondelete="CASCADE"), nullable=False),
    Column("event", String(32), nullable=False),
    Column("message", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("next_at", Float, comment="when it is tried next; None once it was sent, or given up"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("sent_at", Float),
    Column("answer", String(200), nullable=False, default=""),
    Index("outbox_due", "next_at"),
    Index("outbox_of_channel", "channel", "created_at"),
)

milestones = Table(
    "milestones",
    metadata,
    Column("challenge", String(64), primary_key=True),
    Column("phase", String(64), primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("moment", Float, primary_key=True, comment="when it began or ended; told once"),
)

identities = Table(
    "identities",
    metadata,
    Column("issuer", String(300), primary_key=True, comment="of OpenID Connect, or the address of a JupyterHub"),
    Column("subject", String(255), primary_key=True),
    Column("account", ForeignKey("accounts.name"), nullable=False, index=True),
    Column("created_at", Float, nullable=False),
)

participations = Table(
    "participations",
    metadata,
    Column("challenge", ForeignKey("challenges.slug"), primary_key=True),
    Column("account", ForeignKey("accounts.name"), primary_key=True),
    Column("since", Float, nullable=False),
    comment="who has fetched a challenge's kit as themselves; who has submitted takes part as well",
)

lockouts = Table(
    "lockouts",
    metadata,
    Column("account", ForeignKey("accounts.name"), primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("since", Float, nullable=False, comment="when the first of them was"),
    Column("until", Float, comment="until when it is locked; None while it is not yet"),
    comment="logins that failed with what was once a token of the account; forgotten after a day",
)

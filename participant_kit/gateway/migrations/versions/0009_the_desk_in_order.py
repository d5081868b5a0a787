"""Indices for the organizer's desk: what it lists is found in the order in which it is shown"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDICES = {
    "accounts": {
        "accounts_by_name": ["role", "is_team", "name"],
        "accounts_in_state": ["state", "name"],
        "accounts_of_team": ["team", "name"],
    },
    "invitations": {"invitations_in_time": ["created_at", "id"]},
    "audit": {"audit_of_account": ["account", "id"], "audit_on_subject": ["subject", "id"]},
    "submissions": {
        "submissions_in_time": ["created_at", "id"],
        "submissions_of_challenge": ["challenge", "created_at", "id"],
        "submissions_in_state": ["state", "created_at", "id"],
    },
}


def upgrade() -> None:
    """From the eighth schema."""
    for table, indices in INDICES.items():
        for name, columns in indices.items():
            op.create_index(name, table, columns)

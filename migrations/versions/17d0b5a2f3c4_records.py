"""Records: audit entries and outgoing messages."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import create_index, create_table

revision = "17d0b5a2f3c4"
down_revision = "06c9a4f1e2b3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "audit_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("actor_id", sa.Integer()),
        sa.Column("user_id", sa.Integer()),
        sa.Column("ip", sa.String(45)),
        sa.Column("user_agent", sa.String(400)),
        sa.Column("reference", sa.String(16)),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_audit_entries_at", "audit_entries", ["at"])
    create_index("ix_audit_entries_user_id", "audit_entries", ["user_id"])
    create_table(
        "outgoing_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(48), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("locale", sa.String(35)),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.Text()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("sent_at", sa.DateTime()),
        sa.Column("last_error", sa.Text()),
        sa.Column("source", sa.Text()),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_outgoing_messages_recipient", "outgoing_messages", ["recipient", "created_at"])
    create_index("ix_outgoing_messages_state", "outgoing_messages", ["state", "due_at"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""Indexes for the outbox by date, state and kind, and for who has a role."""

from __future__ import annotations

from migrations.found import create_index

revision = "9c47e3d1b8a2"
down_revision = "6c25a1b7d9f0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ix_outgoing_messages_created_at", "outgoing_messages", ["created_at"])
    create_index("ix_outgoing_messages_standing", "outgoing_messages", ["state", "created_at"])
    create_index("ix_outgoing_messages_kind", "outgoing_messages", ["kind", "created_at"])
    create_index("ix_role_grants_role_id", "role_grants", ["role_id", "user_id"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

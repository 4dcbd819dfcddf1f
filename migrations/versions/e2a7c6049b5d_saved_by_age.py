"""What people saved is listed and deleted by its age, whoever's it is."""

from __future__ import annotations

from migrations.found import create_index

revision = "e2a7c6049b5d"
down_revision = "c7e2f48a1d59"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ix_saved_conversations_when", "saved_conversations", ["created_at", "id"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

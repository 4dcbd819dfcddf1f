"""Learning: the quota ledger, and an index for a page of a conversation."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import create_index, create_table

revision = "06c9a4f1e2b3"
down_revision = "f58d3e7a6b10"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ix_chat_history_page", "chat_history", ["user_id", "program_code", "id"])
    create_table(
        "quota_uses",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("program_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["program_id"], ["chatbot_contents.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "program_id", "day"),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

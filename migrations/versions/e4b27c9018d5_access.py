"""Access: sessions, one-time codes and the counts of wrong tries."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import create_index, create_table

revision = "e4b27c9018d5"
down_revision = "d3a1f06b52c7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("idle_seconds", sa.Integer()),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("end_reason", sa.String(32)),
        sa.Column("ip", sa.String(45)),
        sa.Column("user_agent", sa.String(400)),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    create_index("ix_sessions_user_id", "sessions", ["user_id"])
    create_table(
        "codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("secret_hash", sa.String(64)),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_codes_address", "codes", ["address", "purpose"])
    create_table(
        "try_counts",
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(254), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("window_ends_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "subject"),
    )
    create_index("ix_try_counts_window_ends_at", "try_counts", ["window_ends_at"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""Devices and proofs of sessions; waits between tries."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import add_columns

revision = "4a03e8b5f6d7"
down_revision = "39f2d7a4e5c6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_columns(
        "sessions", sa.Column("device", sa.String(32)), sa.Column("proved_at", sa.DateTime())
    )
    add_columns(
        "try_counts",
        sa.Column("open_at", sa.DateTime()),
        sa.Column("in_a_row", sa.Integer(), nullable=False, server_default="0"),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""Devices and proofs of sessions; waits between tries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4a03e8b5f6d7"
down_revision = "39f2d7a4e5c6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("device", sa.String(32)))
    op.add_column("sessions", sa.Column("proved_at", sa.DateTime()))
    op.add_column("try_counts", sa.Column("open_at", sa.DateTime()))
    op.add_column(
        "try_counts", sa.Column("in_a_row", sa.Integer(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

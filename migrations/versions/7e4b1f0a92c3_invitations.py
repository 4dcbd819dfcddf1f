"""Invitations, one for each address, and the list by surname."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import create_index, create_table

revision = "7e4b1f0a92c3"
down_revision = "7d36c2b8e0f1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "invitations",
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("job_id", sa.Integer()),
        sa.Column("user_id", sa.Integer()),
        sa.Column("invited_at", sa.DateTime(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("address"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="SET NULL"),
    )
    create_index("ix_invitations_job_id", "invitations", ["job_id", "address"])
    create_index("ix_invitations_user_id", "invitations", ["user_id"])
    create_index("ix_roster_lines_surname_key", "roster_lines", ["surname_key"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""The emergency switch, and that admins were told of a held import."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import add_columns, create_table

revision = "8f52c1d7a3e4"
down_revision = "7e4b1f0a92c3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "emergency",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("began_at", sa.DateTime(), nullable=False),
        sa.Column("ends_at", sa.DateTime(), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("began_by", sa.Integer()),
        sa.PrimaryKeyConstraint("id"),
    )
    add_columns("roster_imports", sa.Column("told_at", sa.DateTime()))


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""The days of a program that is gone: its conversations still end by them."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import create_table

revision = "f6b3d81e02c5"
down_revision = "a91d4e7f3c05"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "former_retention",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(50), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_former_retention"),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

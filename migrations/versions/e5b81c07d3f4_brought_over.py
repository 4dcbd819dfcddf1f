"""Which rows of predecessors' databases came over."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import create_table

revision = "e5b81c07d3f4"
down_revision = "c3e81f5a7b20"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "brought_over",
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("brought_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

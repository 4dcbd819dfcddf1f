"""Who changes their address themselves can take it back from the old mailbox."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import create_index, create_table

revision = "e5a2c70d91b4"
down_revision = "e8c15a3d7b94"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "address_moves",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("address", sa.String(254)),
        sa.Column("shared_address", sa.String(254)),
        sa.Column("to_address", sa.String(254), nullable=False),
        sa.Column("moved_at", sa.DateTime(), nullable=False),
        sa.Column("undone_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_address_moves"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_address_moves_user_id_users", ondelete="CASCADE"
        ),
    )
    create_index("ix_address_moves_user_id", "address_moves", ["user_id"])
    create_index("ix_address_moves_moved_at", "address_moves", ["moved_at"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""Who may be the same person with a new address by an import, and whose edits it keeps."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import add_columns, create_table

revision = "b3f7e41c9d20"
down_revision = "91c6d2e8b4f7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "roster_pairs",
        sa.Column("import_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("former", sa.String(length=254), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "former", name="pk_roster_pairs"),
    )
    add_columns(
        "roster_imports",
        sa.Column("edited", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pairs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pairs_confirmed", sa.Integer(), server_default="0", nullable=False),
    )
    add_columns(
        "roster_changes",
        sa.Column("edited", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

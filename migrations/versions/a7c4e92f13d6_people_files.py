"""A file of people waits in the database until an admin confirms it."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import create_table

revision = "a7c4e92f13d6"
down_revision = "f6b3d81e02c5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "people_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("encoding", sa.String(16), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people_files"),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name="fk_people_files_created_by_users",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("created_by", name="uq_people_files_created_by"),
        sqlite_autoincrement=True,
    )  # fmt: skip


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

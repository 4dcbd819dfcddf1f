"""Rosters: the list in force, imports, staged lines, problems and changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import create_index, create_table

revision = "f58d3e7a6b10"
down_revision = "e4b27c9018d5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "roster_imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("encoding", sa.String(16), nullable=False),
        sa.Column("delimiter", sa.String(1), nullable=False),
        sa.Column("headed", sa.Boolean(), nullable=False),
        sa.Column("sample", sa.String()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.Integer()),
        sa.Column("applied_at", sa.DateTime()),
        sa.Column("applied_by", sa.Integer()),
        sa.Column("compared_with", sa.Integer()),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("inactive", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("problems", sa.Integer(), nullable=False),
        sa.Column("remarks", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["applied_by"], ["users.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    create_table(
        "list_in_force",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("import_id", sa.Integer()),
        sa.ForeignKeyConstraint(["import_id"], ["roster_imports.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    create_table(
        "roster_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("user_code", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("surname_key", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("class_name", sa.String(), nullable=False),
        sa.Column("date", sa.String(), nullable=False),
        sa.Column("lo_root_id", sa.String(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["roster_imports.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_roster_lines_address", "roster_lines", ["address"])
    create_table(
        "roster_staged_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("user_code", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("surname_key", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("class_name", sa.String(), nullable=False),
        sa.Column("date", sa.String(), nullable=False),
        sa.Column("lo_root_id", sa.String(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["roster_imports.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index(
        "ix_roster_staged_lines_import_id", "roster_staged_lines", ["import_id", "address"]
    )
    create_table(
        "roster_problems",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("column", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("address", sa.String(254)),
        sa.Column("is_remark", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["roster_imports.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_roster_problems_import_id", "roster_problems", ["import_id", "line"])
    create_table(
        "roster_changes",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("change", sa.String(16), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("gained", sa.Text(), nullable=False),
        sa.Column("lost", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["roster_imports.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("import_id", "address"),
    )
    in_force = sa.table("list_in_force", sa.column("id", sa.Integer))
    if not op.get_bind().scalar(sa.select(in_force.c.id)):
        op.bulk_insert(in_force, [{"id": 1}])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

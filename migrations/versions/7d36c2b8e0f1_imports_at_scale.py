"""Imports in the background: uploads, marks of lines, what an import took out, who let it go."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import add_columns, column_names, create_index, create_table, inspector

revision = "7d36c2b8e0f1"
down_revision = "7e41d0c95b2a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _extend_imports()
    _extend_changes_and_problems()
    _mark_lines()
    create_table(
        "roster_uploads",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["roster_imports.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("import_id", "part"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Files that are dropped within days are not worth the time that compressing them takes.
        for name in ("roster_uploads", "roster_staged_parts"):
            op.execute(f"ALTER TABLE {name} ALTER COLUMN data SET STORAGE EXTERNAL")


def _extend_imports() -> None:
    none = sa.text("0")
    add_columns(
        "roster_imports",
        sa.Column("mode", sa.String(8), nullable=False, server_default="replace"),
        sa.Column("mapping", sa.JSON()),
        sa.Column("columns", sa.JSON()),
        sa.Column("size", sa.BigInteger()),
        sa.Column("people_before", sa.Integer(), nullable=False, server_default=none),
        sa.Column("people_after", sa.Integer()),
        sa.Column("lines_after", sa.Integer()),
        sa.Column("back", sa.Integer(), nullable=False, server_default=none),
        sa.Column("losing_program", sa.Integer(), nullable=False, server_default=none),
        sa.Column("losing_session", sa.Integer(), nullable=False, server_default=none),
        sa.Column("held", sa.JSON()),
        sa.Column("asked_at", sa.DateTime()),
        sa.Column("asked_by", sa.Integer()),
        sa.Column("confirmed_by", sa.Integer()),
        sa.Column("undoes", sa.Integer()),
        sa.Column("job_id", sa.Integer()),
        sa.Column("failure", sa.Text()),
        sa.Column("seconds", sa.Float()),
    )


def _extend_changes_and_problems() -> None:
    no = sa.false()
    add_columns(
        "roster_changes",
        sa.Column("back", sa.Boolean(), nullable=False, server_default=no),
        sa.Column("loses_program", sa.Boolean(), nullable=False, server_default=no),
        sa.Column("loses_session", sa.Boolean(), nullable=False, server_default=no),
    )
    create_index(
        "ix_roster_changes_change",
        "roster_changes",
        ["import_id", "change", "last_name", "address"],
    )
    add_columns("roster_problems", sa.Column("cells", sa.JSON()))


def _mark_lines() -> None:
    """Give lines a mark; what was staged without one is put aside and can be uploaded again."""
    add_columns("roster_lines", sa.Column("mark", sa.BigInteger()))
    create_index("ix_roster_lines_whose", "roster_lines", ["address", "active", "mark"])
    former = {index["name"] for index in inspector().get_indexes("roster_lines")}
    if "ix_roster_lines_address" in former:
        op.drop_index("ix_roster_lines_address", "roster_lines")
    if "mark" not in column_names("roster_staged_lines"):
        imports = sa.table("roster_imports", sa.column("state", sa.String))
        waiting = imports.update().where(imports.c.state == "checked")
        op.execute(waiting.values(state="discarded"))
        op.drop_table("roster_staged_lines")
    create_table(
        "roster_staged_parts",
        sa.Column("import_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "part"),
    )
    _create_lines("roster_staged_lines")
    _create_lines("roster_former_lines", sa.Column("brought_by", sa.Integer(), nullable=False))


def _create_lines(name: str, *more: sa.Column[int]) -> None:
    create_table(
        name,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
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
        sa.Column("mark", sa.BigInteger()),
        *more,
        sa.PrimaryKeyConstraint("id"),
    )
    create_index(f"ix_{name}_import_id", name, ["import_id", "address"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

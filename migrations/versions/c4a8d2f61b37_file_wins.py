"""What admins set by hand for people of an import, and what of it gave way to the file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import add_columns, column_names, create_index, create_table, inspector

revision = "c4a8d2f61b37"
down_revision = "a4d90c6e17f3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "roster_edits",
        _user(),
        sa.Column("import_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
            for name in ("ids", "status", "expiry", "yielded")
        ),
        sa.Column("former_name", sa.String(), nullable=True),
        sa.Column("former_status", sa.String(), nullable=True),
        sa.Column("former_expiry", sa.DateTime(), nullable=True),
        sa.Column("given_expiry", sa.DateTime(), nullable=True),
        _key("roster_edits"),
        sa.PrimaryKeyConstraint("user_id", "import_id", name="pk_roster_edits"),
    )
    create_index("ix_roster_edits_import_id", "roster_edits", ["import_id", "address"])
    create_table(
        "roster_taken_ids",
        _user(),
        sa.Column("import_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lo_root_id", sa.String(), nullable=False),
        sa.Column("granted_at", sa.DateTime(), nullable=False),
        _key("roster_taken_ids"),
        sa.PrimaryKeyConstraint("user_id", "import_id", "lo_root_id", name="pk_roster_taken_ids"),
    )
    add_columns(
        "roster_imports",
        sa.Column("yielding", sa.Integer(), server_default="0", nullable=False),
        sa.Column("file_wins", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("yielded", sa.Integer(), server_default="0", nullable=False),
    )
    _move_marks()
    name = "ix_entitlements_by_hand"
    if name not in {index["name"] for index in inspector().get_indexes("entitlements")}:
        part = sa.text("source = 'admin'")
        op.create_index(name, "entitlements", ["user_id"], sqlite_where=part, postgresql_where=part)


def _user() -> sa.Column[int]:
    return sa.Column("user_id", sa.Integer(), nullable=False)


def _key(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_user_id_users"
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=name, ondelete="CASCADE")


def _move_marks() -> None:
    """Take over who was marked among the changes of an import."""
    if "edited" not in column_names("roster_changes"):
        return
    op.execute(
        "INSERT INTO roster_edits (user_id, import_id, address, last_name)"
        " SELECT users.id, roster_changes.import_id, roster_changes.address, '' FROM roster_changes"
        " JOIN users ON users.address = roster_changes.address WHERE roster_changes.edited"
        " AND NOT EXISTS (SELECT 1 FROM roster_edits AS there WHERE there.user_id = users.id"
        " AND there.import_id = roster_changes.import_id)"
    )
    op.drop_column("roster_changes", "edited")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

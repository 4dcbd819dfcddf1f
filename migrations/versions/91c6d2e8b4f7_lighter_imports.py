"""Imports that write less: no foreign keys that a million rows pay for, indexes of a few rows.

Imports are never deleted, so that nothing is lost with the keys. What is kept of checked imports
changes its form: they are to be checked again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import inspector

revision = "91c6d2e8b4f7"
down_revision = "8f52c1d7a3e4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    indexes = {index["name"] for index in inspector().get_indexes("roster_changes")}
    if "ix_roster_changes_change" in indexes:
        op.drop_index("ix_roster_changes_change", "roster_changes")
    for table in ("roster_changes", "roster_lines"):
        _drop_keys(table)
    _create_part(
        "ix_roster_changes_others",
        "roster_changes",
        ["import_id", "change", "address"],
        "change <> 'added'",
    )
    _create_part("ix_roster_lines_unmarked", "roster_lines", ["id"], "mark IS NULL")
    op.execute(
        "UPDATE roster_imports SET state = CASE"
        " WHEN id IN (SELECT import_id FROM roster_uploads) THEN 'uploaded' ELSE 'discarded' END"
        " WHERE state IN ('checked', 'held', 'applying')"
        " AND id IN (SELECT import_id FROM roster_staged_parts)"
    )
    op.execute("DELETE FROM roster_staged_parts")
    # A bulk change of people that there is no more; invitations do it at a set rate.
    op.execute(
        "UPDATE jobs SET state = 'stopped' WHERE kind = 'people' AND state IN ('queued', 'running')"
        " AND CAST(facts AS TEXT) LIKE '%\"resend\"%'"
    )
    if op.get_bind().dialect.name == "postgresql":
        # Parts of files are written once and read once: to compress them takes longer than both.
        for table in ("roster_staged_parts", "roster_uploads"):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN data SET STORAGE EXTERNAL")


def _create_part(name: str, table: str, columns: list[str], where: str) -> None:
    if name not in {index["name"] for index in inspector().get_indexes(table)}:
        part = sa.text(where)
        op.create_index(name, table, columns, sqlite_where=part, postgresql_where=part)


def _drop_keys(table: str) -> None:
    keys = [key["name"] for key in inspector().get_foreign_keys(table)]
    if not keys:
        return
    names = {"fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s"}
    with op.batch_alter_table(table, naming_convention=names) as batch:
        for name in keys:
            batch.drop_constraint(name or f"fk_{table}_import_id_roster_imports")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

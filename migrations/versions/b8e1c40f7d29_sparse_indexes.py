"""What hardly any row has is indexed for those rows alone.

Statistics of an index in which nearly all entries are NULL say that it tells nobody from another:
with them, SQLite reads the whole table instead, at every sign-in too.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import inspector

revision = "b8e1c40f7d29"
down_revision = "a7c4e92f13d6"
branch_labels = None
depends_on = None

SPARSE = {
    "ix_users_shared_address": ("users", ["shared_address"]),
    "ix_outgoing_messages_provider_id": ("outgoing_messages", ["provider_id"]),
    "ix_audit_entries_actor_id": ("audit_entries", ["actor_id", "id"]),
    "ix_audit_entries_address": ("audit_entries", ["address", "id"]),
}


def upgrade() -> None:
    for name, (table, columns) in SPARSE.items():
        if name in {index["name"] for index in inspector().get_indexes(table)}:
            op.drop_index(name, table)
        given = sa.text(f"{columns[0]} IS NOT NULL")
        op.create_index(name, table, columns, sqlite_where=given, postgresql_where=given)


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""The few people of an import who are back, or lose something, are found without the others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import inspector

revision = "a7d3f19b5c20"
down_revision = "e5a2c70d91b4"
branch_labels = None
depends_on = None

TABLE = "roster_changes"


def upgrade() -> None:
    there = {index["name"] for index in inspector().get_indexes(TABLE)}
    for flag in ("back", "loses_program", "loses_session"):
        name = f"ix_{TABLE}_{flag}"
        if name not in there:
            op.create_index(
                name,
                TABLE,
                ["import_id", "address"],
                sqlite_where=sa.text(f"{flag} = 1"),
                postgresql_where=sa.text(flag),
            )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

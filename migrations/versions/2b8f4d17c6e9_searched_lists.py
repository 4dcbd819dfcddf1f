"""The people of each list of an import in texts of a thousand, in which a search finds them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import create_table

revision = "2b8f4d17c6e9"
down_revision = "e2a7c6049b5d"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    create_table(
        "roster_search_parts",
        sa.Column("import_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column(
            "last", sa.String(length=254, collation="C" if is_postgres else None), nullable=False
        ),
        sa.Column("people", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "kind", "last"),
    )
    if is_postgres:
        # A search reads the texts as they stand, and to unpack each would take half its time.
        op.execute("ALTER TABLE roster_search_parts ALTER COLUMN people SET STORAGE EXTERNAL")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

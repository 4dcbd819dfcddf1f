"""People who came with a legacy database: shared addresses, and what was never enforced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "39f2d7a4e5c6"
down_revision = "28e1c6b3f4d5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("shared_address", sa.String(254)))
    op.add_column(
        "users", sa.Column("enforced", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    op.create_index("ix_users_shared_address", "users", ["shared_address"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

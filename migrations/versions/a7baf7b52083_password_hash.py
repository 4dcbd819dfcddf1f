"""The password hash: what the legacy retrofit added; its head."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a7baf7b52083"
down_revision = "2178ee3811b9"
branch_labels = None
depends_on = None


def upgrade() -> None:
    have = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("users")}
    if "password_hash" not in have:
        op.add_column("users", sa.Column("password_hash", sa.String(255)))


def downgrade() -> None:
    raise NotImplementedError("Password hashes are never taken away by a migration.")

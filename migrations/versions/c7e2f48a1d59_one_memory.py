"""What people saved is searched, site chats are listed by day, and API keys are an area."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import add_columns, create_index

revision = "c7e2f48a1d59"
down_revision = "e5b81c07d3f4"
branch_labels = None
depends_on = None

ROLES = {
    "owner": ["keys:read", "keys:write"],
    "manager": ["keys:read", "keys:write"],
    "auditor": ["keys:read"],
}


def upgrade() -> None:
    add_columns("saved_conversations", sa.Column("words", sa.Text()))
    create_index("ix_chat_history_memory", "chat_history", ["user_id", "is_visible", "timestamp"])
    roles = sa.table("roles", sa.column("name", sa.String), sa.column("permissions", sa.JSON))
    for name, held in ROLES.items():
        there = op.get_bind().scalar(sa.select(roles.c.permissions).where(roles.c.name == name))
        if there is not None:
            wider = sorted({*there, *held})
            op.execute(roles.update().where(roles.c.name == name).values(permissions=wider))


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

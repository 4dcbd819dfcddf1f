"""The trash of programs, the version that guards their changes, and an index of who holds an id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import add_columns, create_index, inspector

revision = "7d36b2c8e0a1"
down_revision = "7e10a5c3d2b4"
branch_labels = None
depends_on = None

NARROW = "ix_user_lo_root_ids_lo_root_id"


def upgrade() -> None:
    add_columns(
        "chatbot_contents",
        sa.Column("deleted_at", sa.DateTime()),
        sa.Column("version", sa.Integer(), nullable=False, server_default="0"),
    )
    create_index("ix_user_lo_root_ids_holders", "user_lo_root_ids", ["lo_root_id", "user_id"])
    if NARROW in {index["name"] for index in inspector().get_indexes("user_lo_root_ids")}:
        op.drop_index(NARROW, "user_lo_root_ids")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

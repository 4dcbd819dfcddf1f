"""Messages by other channels than mail, what their providers say, and whether those answer."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import add_columns, create_index, create_table

revision = "c3e81f5a7b20"
down_revision = "c4a8d2f61b37"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_columns(
        "outgoing_messages",
        sa.Column("channel", sa.String(16), nullable=False, server_default="mail"),
        sa.Column("provider_id", sa.String(64)),
        sa.Column("provider_state", sa.String(16)),
    )
    create_index("ix_outgoing_messages_provider_id", "outgoing_messages", ["provider_id"])
    create_table(
        "carriers",
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("looked_at", sa.DateTime(), nullable=False),
        sa.Column("failing_since", sa.DateTime()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("channel"),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""Disclaimers, which a later legacy stage had."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5b14f9c6a7e8"
down_revision = "4a03e8b5f6d7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    inspector = sa.inspect(op.get_bind())
    have = {column["name"] for column in inspector.get_columns("chatbot_contents")}
    for column in (
        sa.Column("disclaimer_text", sa.Text()),
        sa.Column("disclaimer_required", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("disclaimer_version", sa.Integer(), nullable=False, server_default="1"),
    ):
        if column.name not in have:
            op.add_column("chatbot_contents", column)
    if "disclaimer_acceptances" not in inspector.get_table_names():
        op.create_table(
            "disclaimer_acceptances",
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("user_id", sa.Integer()),
            sa.Column("user_email", sa.String()),
            sa.Column("user_last_name", sa.String()),
            sa.Column("chatbot_code", sa.String(50)),
            sa.Column("program_name", sa.String(100)),
            sa.Column("accepted_version", sa.Integer(), nullable=False),
            sa.Column("disclaimer_text_snapshot", sa.Text(), nullable=False),
            sa.Column("accepted_at", sa.DateTime()),
            sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
            sa.PrimaryKeyConstraint("id"),
        )
    op.create_index(
        "ix_disclaimer_acceptances_whose", "disclaimer_acceptances", ["user_id", "chatbot_code"]
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""Status, dates and the two tables of LO Root IDs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "227e80a0ea44"
down_revision = "b70190e2b3b8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    inspector = sa.inspect(op.get_bind())
    have = {column["name"] for column in inspector.get_columns("users")}
    if "status" not in have:
        # The default is the legacy one; whether such people may enter is the maintainer's choice.
        op.add_column(
            "users", sa.Column("status", sa.String(), nullable=False, server_default="Inactive")
        )
    for name in ("date_added", "expiry_date"):
        if name not in have:
            op.add_column("users", sa.Column(name, sa.DateTime()))
    tables = set(inspector.get_table_names())
    if "user_lo_root_ids" not in tables:
        create_holdings("user_lo_root_ids", "user_id", "users.id")
    if "chatbot_lo_root_association" not in tables:
        create_holdings("chatbot_lo_root_association", "chatbot_id", "chatbot_contents.id")


def create_holdings(table: str, owner: str, target: str) -> None:
    op.create_table(
        table,
        sa.Column(owner, sa.Integer(), sa.ForeignKey(target), primary_key=True),
        sa.Column("lo_root_id", sa.String(), primary_key=True),
    )


def downgrade() -> None:
    raise NotImplementedError("LO Root IDs are never taken away by a migration.")

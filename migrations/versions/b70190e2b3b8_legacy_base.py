"""The legacy base: what the legacy application made by itself, and the system prompts.

The legacy chain never created its tables. Here an empty database gets them whole, in the shape
the legacy models had; a database that has them gets only what this revision added.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "b70190e2b3b8"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    inspector = sa.inspect(op.get_bind())
    tables = set(inspector.get_table_names())
    if "users" not in tables:
        create_people()
    if "chatbot_contents" not in tables:
        create_programs()
    else:
        have = {column["name"] for column in inspector.get_columns("chatbot_contents")}
        for name in ("system_prompt_role", "system_prompt_guidelines"):
            if name not in have:
                op.add_column("chatbot_contents", sa.Column(name, sa.Text()))
    if "chat_history" not in tables:
        create_conversations()


def create_people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("visit_count", sa.Integer()),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("date_added", sa.DateTime()),
        sa.Column("expiry_date", sa.DateTime()),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_users_email", "users", ["email"], unique=True)


def create_programs() -> None:
    op.create_table(
        "chatbot_contents",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("code", sa.String(50), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean()),
        sa.Column("char_limit", sa.Integer()),
        sa.Column("created_at", sa.DateTime()),
        sa.Column("updated_at", sa.DateTime()),
        sa.Column("quota", sa.Integer(), nullable=False),
        sa.Column("intro_message", sa.Text(), nullable=False),
        sa.Column("category", sa.String(50), nullable=False),
        sa.Column("system_prompt_role", sa.Text()),
        sa.Column("system_prompt_guidelines", sa.Text()),
        sa.UniqueConstraint("code"),
    )


def create_conversations() -> None:
    op.create_table(
        "chat_history",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("program_code", sa.String(), nullable=False),
        sa.Column("user_message", sa.Text(), nullable=False),
        sa.Column("bot_message", sa.Text(), nullable=False),
        sa.Column("timestamp", sa.DateTime()),
        sa.Column("is_visible", sa.Boolean(), nullable=False),
    )
    for name in ("user_id", "program_code", "timestamp"):
        op.create_index(f"ix_chat_history_{name}", "chat_history", [name])


def downgrade() -> None:
    raise NotImplementedError("The base of the database cannot be taken away.")

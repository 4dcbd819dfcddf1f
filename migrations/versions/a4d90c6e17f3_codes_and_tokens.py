"""Ways to sign in beside the password, tokens and their keys, clients, saved conversations."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import add_columns, create_index, create_table

revision = "a4d90c6e17f3"
down_revision = "b3f7e41c9d20"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_columns("users", sa.Column("came_by", sa.String(16)))
    add_columns(
        "sessions",
        sa.Column("audience", sa.String(16)),
        sa.Column("client", sa.String(64)),
        sa.Column("refresh_hash", sa.String(64)),
    )
    create_table(
        "profiles",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("full_name", sa.String(200)),
        sa.Column("country", sa.String(2)),
        sa.PrimaryKeyConstraint("user_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
    )
    _create_proofs()
    _create_clients()
    create_table(
        "saved_conversations",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(200)),
        sa.Column("summary", sa.String(500), nullable=False),
        sa.Column("raw_text", sa.JSON(), nullable=False),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("once", sa.String(80)),
        sa.Column("client", sa.String(64)),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("user_id", "once"),
    )
    create_index(
        "ix_saved_conversations_page", "saved_conversations", ["user_id", "created_at", "id"]
    )


def _create_proofs() -> None:
    create_table(
        "credentials",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("identifier", sa.String(254), nullable=False),
        sa.Column("secret_hash", sa.String(255)),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_used_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("kind", "identifier"),
    )
    create_index("ix_credentials_user_id", "credentials", ["user_id", "kind"])
    create_table(
        "signing_keys",
        sa.Column("serial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kid", sa.String(43), nullable=False),
        sa.Column("public", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("serial"),
        sa.UniqueConstraint("kid"),
    )
    create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("shown", sa.String(12), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.Integer()),
        sa.Column("expires_at", sa.DateTime()),
        sa.Column("last_used_at", sa.DateTime()),
        sa.Column("revoked_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], ondelete="SET NULL"),
        sa.UniqueConstraint("secret_hash"),
    )
    create_index("ix_api_keys_name", "api_keys", ["name"])


def _create_clients() -> None:
    create_table(
        "clients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("origins", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.Integer()),
        sa.Column("disabled_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], ondelete="SET NULL"),
        sa.UniqueConstraint("client_id"),
    )
    create_table(
        "client_codes",
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("origin", sa.String(254), nullable=False),
        sa.Column("challenge", sa.String(43), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("code_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
    )
    create_index("ix_client_codes_expires_at", "client_codes", ["expires_at"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

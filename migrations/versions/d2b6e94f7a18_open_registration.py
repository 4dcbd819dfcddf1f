"""Who asks for an account has a row and a limited session until the address is proven."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.found import create_index, create_table

revision = "d2b6e94f7a18"
down_revision = "2b8f4d17c6e9"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "registrations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("full_name", sa.String(200), nullable=False),
        sa.Column("password_hash", sa.String(255)),
        sa.Column("kind", sa.String(16)),
        sa.Column("identifier", sa.String(254)),
        sa.Column("remember", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_registrations"),
        sa.UniqueConstraint("token_hash", name="uq_registrations_token_hash"),
    )
    create_index("ix_registrations_address", "registrations", ["address"])
    create_index("ix_registrations_created_at", "registrations", ["created_at"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""People: canonical addresses, roles, and why somebody holds an LO Root ID."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

from migrations.found import add_columns, column_names, create_index, create_table

revision = "d3a1f06b52c7"
down_revision = "c90b3e64a2d8"
branch_labels = None
depends_on = None

OWNER_MAY = [
    "audit:read",
    "outbox:read",
    "people:read",
    "programs:read",
    "roster:read",
    "roster:write",
]


def upgrade() -> None:
    there = column_names("users")
    if "address" in there and not {"verified_at", "from_roster"} <= there:
        raise CommandError(
            "The column 'address' of the table 'users' is not Rollcall's: what stands in it would"
            " be taken for addresses of mail. Rename it, then upgrade again."
        )
    add_columns(
        "users",
        sa.Column("address", sa.String(254)),
        sa.Column("verified_at", sa.DateTime()),
        sa.Column("from_roster", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("locale", sa.String(35)),
    )
    create_index("ix_users_address", "users", ["address"], unique=True)
    create_index("ix_user_lo_root_ids_lo_root_id", "user_lo_root_ids", ["lo_root_id"])
    create_table(
        "roles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    create_table(
        "role_grants",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("granted_at", sa.DateTime(), nullable=False),
        sa.Column("granted_by", sa.Integer()),
        sa.ForeignKeyConstraint(["granted_by"], ["users.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "role_id"),
    )
    create_table(
        "entitlements",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("lo_root_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("granted_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "lo_root_id", "source"),
    )
    roles = sa.table("roles", sa.column("name", sa.String), sa.column("permissions", sa.JSON))
    if not op.get_bind().scalar(sa.select(roles.c.name).where(roles.c.name == "owner")):
        op.bulk_insert(roles, [{"name": "owner", "permissions": OWNER_MAY}])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""The chain of the audit log, its filters, floods and roll-ups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import add_columns, create_index, create_table, inspector

revision = "7e10a5c3d2b4"
down_revision = "9c47e3d1b8a2"
branch_labels = None
depends_on = None

UNSEALED = "ix_audit_entries_unsealed"


def upgrade() -> None:
    add_columns(
        "audit_entries",
        sa.Column("address", sa.String(254)),
        sa.Column("sealed_no", sa.Integer()),
        sa.Column("details_hash", sa.String(64)),
        sa.Column("chain", sa.String(64)),
        sa.Column("key_id", sa.String(8)),
    )
    named = {"sqlite": "json_extract(details, '$.address')", "postgresql": "details->>'address'"}
    found = named[op.get_bind().dialect.name]
    op.execute(
        f"UPDATE audit_entries SET address = {found}"  # noqa: S608 - our own words
        f" WHERE address IS NULL AND sealed_no IS NULL AND length({found}) <= 254"
    )
    for column in ("user_id", "actor_id", "event", "address", "ip"):
        create_index(f"ix_audit_entries_{column}", "audit_entries", [column, "id"])
    create_index("ix_audit_entries_reference", "audit_entries", ["reference"])
    create_index("ix_audit_entries_sealed_no", "audit_entries", ["sealed_no"], unique=True)
    if UNSEALED not in {each["name"] for each in inspector().get_indexes("audit_entries")}:
        waits = sa.text("sealed_no IS NULL")
        op.create_index(
            UNSEALED, "audit_entries", ["id"], sqlite_where=waits, postgresql_where=waits
        )
    create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_no", sa.Integer(), nullable=False),
        sa.Column("chain", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("signature", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("verified_at", sa.DateTime()),
        sa.Column("verified_no", sa.Integer()),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    create_table(
        "audit_checkpoints",
        sa.Column("no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("chain", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("signature", sa.String(64), nullable=False),
        sa.Column("pruned", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
    )
    _create_counts()


def _create_counts() -> None:
    create_table(
        "audit_floods",
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("begins_at", sa.DateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("event", "kind", "reason", "network", "begins_at"),
    )
    create_table(
        "audit_rollups",
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("begins_at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("period", "event", "begins_at", "kind", "reason"),
    )
    create_table(
        "active_people",
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("begins_at", sa.DateTime(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("period", "begins_at", "user_id"),
    )
    create_table(
        "figures",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

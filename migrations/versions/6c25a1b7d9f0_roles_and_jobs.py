"""The four roles that every installation begins with, and the backlog of jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import create_index, create_table

revision = "6c25a1b7d9f0"
down_revision = "5b14f9c6a7e8"
branch_labels = None
depends_on = None

READ = [
    "audit:read",
    "conversations:read",
    "insight:read",
    "jobs:read",
    "outbox:read",
    "people:read",
    "programs:read",
    "roles:read",
    "roster:read",
]
WRITE = [
    "conversations:write",
    "jobs:write",
    "outbox:write",
    "people:help",
    "people:write",
    "programs:write",
    "roster:write",
]
ROLES = {
    "owner": [*READ, *WRITE, "roles:write"],
    "manager": [*READ, *WRITE],
    "help desk": ["insight:read", "outbox:read", "people:help", "people:read", "programs:read",
                  "roster:read"],
    "auditor": READ,
}  # fmt: skip


def upgrade() -> None:
    roles = sa.table("roles", sa.column("name", sa.String), sa.column("permissions", sa.JSON))
    for name, held in ROLES.items():
        there = op.get_bind().scalar(sa.select(roles.c.permissions).where(roles.c.name == name))
        if there is None:
            op.execute(roles.insert().values(name=name, permissions=sorted(held)))
        else:
            wider = sorted({*there, *held})
            op.execute(roles.update().where(roles.c.name == name).values(permissions=wider))
    create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer()),
        sa.Column("note", sa.String(200)),
        sa.Column("error", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("stop_asked", sa.Boolean(), nullable=False),
        sa.Column("worker", sa.String(80)),
        sa.Column("claimed_until", sa.DateTime()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.Integer()),
        sa.Column("started_at", sa.DateTime()),
        sa.Column("finished_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], ondelete="SET NULL"),
    )
    create_index("ix_jobs_state", "jobs", ["state", "claimed_until"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

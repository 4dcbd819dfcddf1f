"""Former passwords: the hashes of those that are not taken again. Owners may add people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import create_index, create_table

revision = "28e1c6b3f4d5"
down_revision = "17d0b5a2f3c4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "former_passwords",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("set_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_former_passwords_user_id", "former_passwords", ["user_id"])
    roles = sa.table("roles", sa.column("name", sa.String), sa.column("permissions", sa.JSON))
    owner = roles.c.name == "owner"
    held = op.get_bind().scalar(sa.select(roles.c.permissions).where(owner)) or []
    op.execute(roles.update().where(owner).values(permissions=sorted({*held, "people:write"})))


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

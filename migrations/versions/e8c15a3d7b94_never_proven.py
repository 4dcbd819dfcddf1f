"""Who asked for an account openly and never proved the address is found without looking at all."""

from __future__ import annotations

from alembic import op

revision = "e8c15a3d7b94"
down_revision = "d2b6e94f7a18"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX IF NOT EXISTS ix_users_never_proven ON users (date_added)"
        " WHERE came_by = 'open' AND verified_at IS NULL"
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""A password hash that nobody can sign in with becomes empty: whose column is NULL has none."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.hashing import is_readable

revision = "a91d4e7f3c05"
down_revision = "a7d3f19b5c20"
branch_labels = None
depends_on = None

BATCH = 10_000
"""Hashes that are looked at in one statement."""

MOST_NAMED = 500
"""Ids that one statement names."""

USERS = sa.table("users", sa.column("id", sa.Integer), sa.column("password_hash", sa.String))


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # Bytes where a text should be: what can be read of them goes on opening the account.
        op.execute(
            "UPDATE users SET password_hash = CAST(password_hash AS TEXT)"
            " WHERE typeof(password_hash) = 'blob'"
        )
    rows = _next(None)
    while rows:
        ids = [row.id for row in rows if not is_readable(_text(row.stored))]
        for start in range(0, len(ids), MOST_NAMED):
            named = USERS.c.id.in_(ids[start : start + MOST_NAMED])
            op.execute(USERS.update().where(named).values(password_hash=None))
        rows = _next(rows[-1].id)


def _next(after: int | None) -> list[Any]:
    """The next people with a hash of whatever kind, by id."""
    stored: sa.ColumnElement[Any] = USERS.c.password_hash
    if op.get_bind().dialect.name == "sqlite":
        # The driver fails at a text that is no UTF-8.
        stored = sa.literal_column("CAST(password_hash AS BLOB)")
    query = sa.select(USERS.c.id, stored.label("stored")).where(USERS.c.password_hash.is_not(None))
    if after is not None:
        query = query.where(USERS.c.id > after)
    return list(op.get_bind().execute(query.order_by(USERS.c.id).limit(BATCH)))


def _text(stored: str | bytes) -> str:
    return stored.decode("utf-8", "replace") if isinstance(stored, bytes) else stored


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

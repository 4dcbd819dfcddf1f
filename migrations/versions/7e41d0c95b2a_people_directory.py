"""What the list of people needs to find one of a million: indexes, and two columns of `users`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

from migrations.found import add_columns, create_index, has_table

revision = "7e41d0c95b2a"
down_revision = "b7e2d94c1f06"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_users_last_seen_at": "(last_seen_at, id)",
    "ix_users_expiry_date": "(expiry_date, id)",
    "ix_users_not_active": "(id) WHERE lower(trim(status)) <> 'active'",
    "ix_users_without_password": "(id) WHERE password_hash IS NULL",
    "ix_users_off_list": "(id) WHERE from_roster AND NOT listed",
    "ix_users_never_listed": "(id) WHERE NOT from_roster",
}
"""Each index of `users` that the models have, and what it is of."""

# SQLAlchemy cannot read an index of expressions from SQLite, and warns at every look.
SORTED = {
    "sqlite": "({0} COLLATE NOCASE, id)",
    "postgresql": "(lower({0}), id)",
}
"""An index of `users` by a column in any case, as each database says it."""

# FTS5 keeps no copy of the names and addresses: it reads them from `users`, and the triggers tell
# it what to forget (SQLite: "External Content Tables").
SEARCH = [
    "CREATE VIRTUAL TABLE IF NOT EXISTS people_search USING fts5"
    "(last_name, email, content='users', content_rowid='id', tokenize='trigram')",
    "CREATE TRIGGER IF NOT EXISTS people_search_added AFTER INSERT ON users BEGIN"
    " INSERT INTO people_search(rowid, last_name, email)"
    " VALUES (new.id, new.last_name, new.email); END",
    "CREATE TRIGGER IF NOT EXISTS people_search_gone AFTER DELETE ON users BEGIN"
    " INSERT INTO people_search(people_search, rowid, last_name, email)"
    " VALUES ('delete', old.id, old.last_name, old.email); END",
    "CREATE TRIGGER IF NOT EXISTS people_search_changed"
    " AFTER UPDATE OF id, last_name, email ON users BEGIN"
    " INSERT INTO people_search(people_search, rowid, last_name, email)"
    " VALUES ('delete', old.id, old.last_name, old.email);"
    " INSERT INTO people_search(rowid, last_name, email)"
    " VALUES (new.id, new.last_name, new.email); END",
]
FILL = "INSERT INTO people_search(people_search) VALUES ('rebuild')"


def upgrade() -> None:
    add_columns(
        "users",
        sa.Column("last_seen_at", sa.DateTime()),
        sa.Column("listed", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute(
        "UPDATE users SET last_seen_at ="
        " (SELECT max(last_seen_at) FROM sessions WHERE sessions.user_id = users.id),"
        " listed = EXISTS (SELECT 1 FROM roster_lines"
        " WHERE roster_lines.address = users.address AND roster_lines.active)"
    )
    for name, what in INDEXES.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON users {what}")
    dialect = op.get_bind().dialect.name
    for name, column in (("ix_users_by_name", "last_name"), ("ix_users_by_email", "email")):
        what = SORTED[dialect].format(column)
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON users {what}")
    create_index("ix_outgoing_messages_user_id", "outgoing_messages", ["user_id"])
    if dialect == "sqlite":
        is_new = not has_table("people_search")
        for statement in SEARCH:
            op.execute(statement)
        if is_new:  # One that is there was kept by its triggers.
            op.execute(FILL)
    else:
        # Without it the planner takes nearly everybody for suspended, and reads them all.
        op.execute(
            "CREATE STATISTICS IF NOT EXISTS users_status ON (lower(trim(status))) FROM users"
        )
        _index_parts()


def _index_parts() -> None:
    """An index of all parts of names and addresses, where the server has what it takes."""
    try:
        with op.get_bind().begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DBAPIError:
        return  # Whoever runs the server did not allow it: a search then reads every row.
    op.execute(
        "CREATE INDEX IF NOT EXISTS ix_users_search ON users"
        " USING gin (lower(last_name || ' ' || email) gin_trgm_ops)"
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

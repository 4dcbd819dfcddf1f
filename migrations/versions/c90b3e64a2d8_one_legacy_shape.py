"""One legacy shape: whatever was found, stamped or not, is from here on the same.

The chain so far says what the legacy application's own revisions did. What its scripts, its
`create_all` and many hands did beside them is made even here, for every database that comes.
This revision stands below others that came before it in time: it mends what they rely on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

from migrations.adapting import NAMES, adapt
from migrations.counting import count_on, highest_given, highest_person
from migrations.found import column_names, create_index, has_table, inspector
from migrations.moments import mend_moments
from migrations.pairing import pair_messages
from migrations.rebuilding import kept_beside

revision = "c90b3e64a2d8"
down_revision = "c1a4f9d72e10"
branch_labels = None
depends_on = None

SHAPE = sa.MetaData(naming_convention=NAMES)

USERS = sa.Table(
    "users",
    SHAPE,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("last_name", sa.String(), nullable=False),
    sa.Column("email", sa.String(), nullable=False),
    sa.Column("visit_count", sa.Integer()),
    sa.Column("status", sa.String(), nullable=False),
    sa.Column("date_added", sa.DateTime()),
    sa.Column("expiry_date", sa.DateTime()),
    sa.Column("password_hash", sa.String(255)),
    sqlite_autoincrement=True,
)
PROGRAMS = sa.Table(
    "chatbot_contents",
    SHAPE,
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
CHATS = sa.Table(
    "chat_history",
    SHAPE,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("user_id", sa.Integer(), nullable=False),
    sa.Column("program_code", sa.String(), nullable=False),
    sa.Column("user_message", sa.Text(), nullable=False),
    sa.Column("bot_message", sa.Text(), nullable=False),
    sa.Column("timestamp", sa.DateTime()),
    sa.Column("is_visible", sa.Boolean(), nullable=False),
)
HELD_IDS = sa.Table(
    "user_lo_root_ids",
    SHAPE,
    sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("lo_root_id", sa.String(), primary_key=True),
)
PROGRAM_IDS = sa.Table(
    "chatbot_lo_root_association",
    SHAPE,
    sa.Column("chatbot_id", sa.Integer(), sa.ForeignKey("chatbot_contents.id"), primary_key=True),
    sa.Column("lo_root_id", sa.String(), primary_key=True),
)

FILLS = {
    "users": {
        "last_name": "''",
        # Unique, and no address: nobody can sign in with it until an admin writes a real one.
        "email": "'no address (id ' || id || ')'",
        "visit_count": "0",
        "status": "'Inactive'",
    },
    "chatbot_contents": {
        "content": "''",
        "quota": "3",
        "intro_message": "'Welcome to {program}. You can ask {quota} questions a day.'",
        "category": "'standard'",
    },
    "chat_history": {"user_message": "''", "bot_message": "''", "is_visible": "TRUE"},
    "user_lo_root_ids": {},
    "chatbot_lo_root_association": {},
}
"""What stands for NULL where the legacy application failed on it, or where it is now forbidden."""

STARTS = {"chatbot_contents": {"is_active": "TRUE", "char_limit": "50000"}}
"""What a column begins with where it was not there; a NULL that was there keeps its meaning."""

DISCLAIMERS = frozenset({"disclaimer_text", "disclaimer_required", "disclaimer_version"})


MOMENTS = {
    "users": ["date_added", "expiry_date"],
    "chatbot_contents": ["created_at", "updated_at"],
    "chat_history": ["timestamp"],
}


def upgrade() -> None:
    refuse_unfit()
    given = highest_given("users")
    with kept_beside(SHAPE.tables):
        pair_messages()
        for table in SHAPE.sorted_tables:
            starts = STARTS.get(table.name)
            adapt(table, FILLS[table.name], starts=starts, leave=DISCLAIMERS)
    refuse_doubles()
    for name, columns in MOMENTS.items():
        mend_moments(name, columns)
    create_index("ix_users_email", "users", ["email"], unique=True)
    for name in ("user_id", "program_code", "timestamp"):
        create_index(f"ix_chat_history_{name}", "chat_history", [name])
    count_on("users", max(given, highest_person()))
    for name in ("chatbot_contents", "chat_history", "disclaimer_acceptances"):
        if op.get_bind().dialect.name == "postgresql" and has_table(name):
            count_on(name)


def refuse_unfit() -> None:
    """Stop where a table has no key to know its rows by, or chats have two shapes at once."""
    for table in SHAPE.sorted_tables:
        wanted = [each.name for each in table.primary_key.columns]
        if not has_table(table.name):
            continue
        found = inspector().get_pk_constraint(table.name)["constrained_columns"]
        if set(found) != set(wanted):
            raise CommandError(
                f"The primary key of the table {table.name!r} is not ({', '.join(wanted)}), so that"
                " rows cannot be told apart. Make it so, then upgrade again."
            )
    both = {"message", "sender", "user_message"}
    if has_table("chat_history") and both <= column_names("chat_history"):
        raise CommandError(
            "The table 'chat_history' has both shapes: message and sender beside user_message."
            " Move what is in message to user_message or bot_message, drop message and sender,"
            " then upgrade again."
        )


def refuse_doubles() -> None:
    """Stop where two rows have one email to the letter: which is whose is not ours to guess."""
    query = "SELECT min(id), max(id) FROM users GROUP BY email HAVING count(*) > 1 ORDER BY 1"
    if doubles := op.get_bind().execute(sa.text(query)).all():
        pairs = ", ".join(f"{first} and {last}" for first, last in doubles[:5])
        raise CommandError(
            f"Rows of users have the same email to the letter, among them those with the ids "
            f"{pairs}. Give each its own, then upgrade again."
        )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""Conversations: an index of their words, days that programs keep them, files made of them.

The index answers a search newest first without reading what does not fit. Beside the words it
holds marks: whose an exchange is, of which program, of which day (alone, in 32s and in 1024s)
and, for PostgreSQL, in which block of ids, so that a word that is everywhere is looked up in the
newest block alone. SQLite keeps it in a table of FTS5 over a view, written by triggers;
PostgreSQL in an index of an expression.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import create_index, create_table, has_table, inspector

revision = "b7e2d94c1f06"
down_revision = "7d36b2c8e0a1"
branch_labels = None
depends_on = None

DAY_OF_SQLITE = "max(coalesce(CAST(strftime('%s', {row}.timestamp) AS INTEGER) / 86400, 0), 0)"
WORDS_OF_SQLITE = (
    "substr({row}.user_message, 1, 20000) || ' ' || substr({row}.bot_message, 1, 60000)"
)
MARKS_OF_SQLITE = (
    "'u' || {row}.user_id || ' p' || hex(substr({row}.program_code, 1, 100))"
    f" || ' d' || {DAY_OF_SQLITE} || ' e' || ({DAY_OF_SQLITE} / 32)"
    f" || ' f' || ({DAY_OF_SQLITE} / 1024)"
)
TABLE_OF_SQLITE = """
CREATE VIRTUAL TABLE chat_words USING fts5(
    words, marks, content='chat_words_source', content_rowid='id', columnsize=0,
    tokenize='unicode61 remove_diacritics 0'
)
"""
TRIGGERS = {
    "chat_words_insert": "AFTER INSERT ON chat_history BEGIN {add}; END",
    "chat_words_delete": "AFTER DELETE ON chat_history BEGIN {drop}; END",
    "chat_words_update": (
        "AFTER UPDATE OF id, user_id, program_code, user_message, bot_message, timestamp"
        " ON chat_history BEGIN {drop}; {add}; END"
    ),
}

JOINING = "-./@<&_+~’–—“”"
"""What PostgreSQL reads as a part of a word, an address or a tag: to us it stands between words."""


def words_of_postgres() -> str:
    """The words of an exchange; a long chain of replace() is many times faster than translate()."""
    text = '"left"(user_message, 20000) || \' \'::text || "left"(bot_message, 60000)'
    for each in JOINING:
        text = f"replace({text}, '{each}'::text, ' '::text)"
    return f"to_tsvector('simple'::regconfig, {text})"


DAY_OF_POSTGRES = (
    "greatest(coalesce(CASE WHEN isfinite(timestamp)"
    " THEN timestamp::date - '1970-01-01'::date END, 0), 0)"
)
MARKS_OF_POSTGRES = (
    "array_to_tsvector(ARRAY['u' || user_id::text, 'p' || \"left\"(program_code::text, 100),"
    f" 'd' || ({DAY_OF_POSTGRES})::text, 'e' || ({DAY_OF_POSTGRES} / 32)::text,"
    f" 'f' || ({DAY_OF_POSTGRES} / 1024)::text, 'i' || (id / 1024)::text,"
    " 'j' || (id / 16384)::text, 'k' || (id / 262144)::text])"
)


def upgrade() -> None:
    create_index("ix_chat_history_when", "chat_history", ["timestamp", "id"])
    create_table(
        "program_retention",
        sa.Column("program_id", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("set_at", sa.DateTime(), nullable=False),
        sa.Column("set_by", sa.Integer()),
        sa.PrimaryKeyConstraint("program_id"),
        sa.ForeignKeyConstraint(["program_id"], ["chatbot_contents.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["set_by"], ["users.id"], ondelete="SET NULL"),
    )
    create_table(
        "file_parts",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "part"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
    )
    if op.get_bind().dialect.name == "postgresql":
        index_words_in_postgres()
    else:
        index_words_in_sqlite()


def index_words_in_postgres() -> None:
    names = {each["name"] for each in inspector().get_indexes("chat_history")}
    if "ix_chat_history_words" in names:
        return
    both = f"({words_of_postgres()} || {MARKS_OF_POSTGRES})"
    bind = op.get_bind()
    bind.exec_driver_sql("SET LOCAL maintenance_work_mem = '256MB'")
    bind.exec_driver_sql(f"CREATE INDEX ix_chat_history_words ON chat_history USING gin ({both})")


def index_words_in_sqlite() -> None:
    bind = op.get_bind()
    if has_table("chat_words"):
        bind.exec_driver_sql("DROP TABLE chat_words")
    bind.exec_driver_sql("DROP VIEW IF EXISTS chat_words_source")
    words, marks = (text.format(row="chat_history") for text in (WORDS_OF_SQLITE, MARKS_OF_SQLITE))
    bind.exec_driver_sql(
        f"CREATE VIEW chat_words_source AS SELECT id, {words} AS words, {marks} AS marks"  # noqa: S608
        " FROM chat_history"
    )
    bind.exec_driver_sql(TABLE_OF_SQLITE)
    bind.exec_driver_sql("INSERT INTO chat_words (chat_words) VALUES ('rebuild')")
    for name, body in TRIGGERS.items():
        bind.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        bind.exec_driver_sql(f"CREATE TRIGGER {name} {body.format(add=_add(), drop=_drop())}")


def _add() -> str:
    words, marks = (text.format(row="new") for text in (WORDS_OF_SQLITE, MARKS_OF_SQLITE))
    return f"INSERT INTO chat_words (rowid, words, marks) VALUES (new.id, {words}, {marks})"  # noqa: S608


def _drop() -> str:
    words, marks = (text.format(row="old") for text in (WORDS_OF_SQLITE, MARKS_OF_SQLITE))
    return (
        "INSERT INTO chat_words (chat_words, rowid, words, marks)"  # noqa: S608
        f" VALUES ('delete', old.id, {words}, {marks})"
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""Makes one row of the two that the old chats had for an exchange: `message` and `sender`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.found import add_columns, column_names, has_table

PAIRS = """
CREATE TEMPORARY TABLE answered AS
WITH sides AS (
    SELECT id, user_id, program_code,
           CASE WHEN lower(trim(sender)) = 'user' THEN 1 ELSE 0 END AS asks
    FROM chat_history
), turns AS (
    SELECT sides.*, CASE WHEN asks = 1 AND coalesce(lag(asks) OVER (
        PARTITION BY user_id, program_code ORDER BY id), 0) = 0 THEN 1 ELSE 0 END AS begins
    FROM sides
), runs AS (
    SELECT turns.*, sum(begins) OVER (
        PARTITION BY user_id, program_code ORDER BY id) AS run
    FROM turns
), placed AS (
    SELECT runs.*,
           row_number() OVER (PARTITION BY user_id, program_code, run, asks ORDER BY id) AS place,
           sum(2 * asks - 1) OVER (PARTITION BY user_id, program_code, run) AS unanswered
    FROM runs
), kept AS (
    SELECT id, min(id) OVER (PARTITION BY user_id, program_code, run,
        place + CASE WHEN asks = 0 AND unanswered > 0 THEN unanswered ELSE 0 END) AS question
    FROM placed
)
SELECT question, id AS answer FROM kept WHERE id <> question
"""
"""Which answer belongs to which question of the same person and program.

Rows go by id, because some have no date. A run is some questions and the answers that follow
them. Where it has more questions than answers, the first ones are those that got none: the model
failed, and the person asked again. Where it has more answers, the last ones stand alone.
"""


OWN = {"id", "user_id", "program_code", "message", "sender", "timestamp", "is_visible"}
"""The columns of the old shape that a pair takes over or needs no more."""

JOINED = "FROM answered JOIN chat_history AS answers ON answers.id = answered.answer"


def keep_left_overs(names: set[str]) -> None:
    """Bring what stands in other columns of the answers to the questions, or aside."""
    if not names:
        return
    quoted = [op.get_bind().dialect.identifier_preparer.quote(each) for each in sorted(names)]
    for each in quoted:
        op.execute(
            f"UPDATE chat_history SET {each} = coalesce(chat_history.{each}, answers.{each}) "  # noqa: S608
            f"{JOINED} WHERE chat_history.id = answered.question"
        )
    # As text, because not every type can be compared.
    differ = " OR ".join(
        f"CAST(answers.{each} AS TEXT) <> CAST(questions.{each} AS TEXT)" for each in quoted
    )
    query = f"{JOINED} JOIN chat_history AS questions ON questions.id = answered.question"
    if op.get_bind().scalar(sa.text(f"SELECT count(*) {query} WHERE {differ}")):
        op.execute(
            f"CREATE TABLE chat_history_answers AS SELECT answered.question, answers.* {query} "
            f"WHERE {differ}"
        )


def pair_messages() -> None:
    """Turn the old shape into `user_message` and `bot_message`; no message is lost.

    The row of the question stays, with its id and date; the answer comes into it, and is hidden
    if either was. What stands alone keeps its row and an empty other side. A left-over column
    keeps the value of the question, or takes that of the answer where it had none; where both
    have one and differ, the row of the answer goes to the table `chat_history_answers`.
    """
    if not has_table("chat_history"):
        return
    there = column_names("chat_history")
    if not {"message", "sender"} <= there or "user_message" in there:
        return
    add_columns(
        "chat_history",
        sa.Column("user_message", sa.Text()),
        sa.Column("bot_message", sa.Text()),
        sa.Column("is_visible", sa.Boolean()),
    )
    op.execute(
        "UPDATE chat_history SET is_visible = coalesce(is_visible, TRUE), "
        "user_message = CASE WHEN lower(trim(sender)) = 'user' THEN message ELSE '' END, "
        "bot_message = CASE WHEN lower(trim(sender)) = 'user' THEN '' ELSE message END"
    )
    op.execute(PAIRS)
    op.execute(
        "UPDATE chat_history SET bot_message = answers.message, "
        "timestamp = coalesce(chat_history.timestamp, answers.timestamp), "
        "is_visible = chat_history.is_visible AND answers.is_visible "
        "FROM answered JOIN chat_history AS answers ON answers.id = answered.answer "
        "WHERE chat_history.id = answered.question"
    )
    keep_left_overs(there - OWN)
    op.execute("DELETE FROM chat_history WHERE id IN (SELECT answer FROM answered)")
    op.execute("DROP TABLE answered")
    _drop_sides()


def _drop_sides() -> None:
    with op.batch_alter_table("chat_history") as batch:
        batch.drop_column("message")
        batch.drop_column("sender")

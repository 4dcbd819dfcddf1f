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


def pair_messages() -> None:
    """Turn the old shape into `user_message` and `bot_message`; no message is lost.

    The row of the question stays, with its id and date; the answer comes into it, and is hidden
    if either was. What stands alone keeps its row and an empty other side.
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
    op.execute("DELETE FROM chat_history WHERE id IN (SELECT answer FROM answered)")
    op.execute("DROP TABLE answered")
    with op.batch_alter_table("chat_history") as batch:
        batch.drop_column("message")
        batch.drop_column("sender")

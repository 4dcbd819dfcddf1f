"""Disclaimers, which a later legacy stage had."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.adapting import NAMES, adapt
from migrations.counting import count_on
from migrations.found import add_columns, create_index, inspector
from migrations.moments import mend_moments
from migrations.rebuilding import kept_beside

revision = "5b14f9c6a7e8"
down_revision = "4a03e8b5f6d7"
branch_labels = None
depends_on = None

SHAPE = sa.MetaData(naming_convention=NAMES)

USERS = sa.Table("users", SHAPE, sa.Column("id", sa.Integer(), primary_key=True))
ACCEPTANCES = sa.Table(
    "disclaimer_acceptances",
    SHAPE,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("user_id", sa.Integer()),
    sa.Column("user_email", sa.String()),
    sa.Column("user_last_name", sa.String()),
    sa.Column("chatbot_code", sa.String(50)),
    sa.Column("program_name", sa.String(100)),
    sa.Column("accepted_version", sa.Integer(), nullable=False),
    sa.Column("disclaimer_text_snapshot", sa.Text(), nullable=False),
    sa.Column("accepted_at", sa.DateTime()),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
)


def upgrade() -> None:
    with kept_beside(["chatbot_contents", "disclaimer_acceptances"]):
        add_to_programs()
        adapt(ACCEPTANCES, {"accepted_version": "1", "disclaimer_text_snapshot": "''"})
    mend_moments("disclaimer_acceptances", ["accepted_at"])
    create_index(
        "ix_disclaimer_acceptances_whose", "disclaimer_acceptances", ["user_id", "chatbot_code"]
    )
    if op.get_bind().dialect.name == "postgresql":
        count_on("disclaimer_acceptances")


def add_to_programs() -> None:
    add_columns(
        "chatbot_contents",
        sa.Column("disclaimer_text", sa.Text()),
        sa.Column("disclaimer_required", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("disclaimer_version", sa.Integer(), nullable=False, server_default="1"),
    )
    found = inspector().get_columns("chatbot_contents")
    nullable = {column["name"] for column in found if column["nullable"]}
    for name, value in (("disclaimer_required", "TRUE"), ("disclaimer_version", "1")):
        if name in nullable:
            column, fill = sa.column(name), sa.literal_column(value)
            programs = sa.table("chatbot_contents", column)
            op.execute(programs.update().where(column.is_(None)).values({name: fill}))
            with op.batch_alter_table("chatbot_contents") as batch:
                batch.alter_column(name, nullable=False)


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

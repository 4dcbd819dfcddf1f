"""Moments that cannot be read, or have a zone: made even, and nothing of them is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.found import create_table

KEPT = "unreadable_dates"
"""The table that takes the texts which are no moments; it is made where there is one."""


def mend_moments(name: str, columns: list[str]) -> None:
    """Let nothing but moments in naive UTC and NULL stand in these columns of a table.

    Only SQLite lets anything else stand there. A moment with a zone is written in UTC; what is
    no moment becomes NULL, because a page would break on it, and its text moves to `KEPT`.
    """
    if op.get_bind().dialect.name != "sqlite":
        return
    for each in columns:
        cell: Any = sa.column(each)
        table = sa.table(name, sa.column("id"), cell)
        rows = op.get_bind().execute(sa.select(table.c.id, cell).where(cell.is_not(None))).all()
        for row, value in rows:
            read = _read(value)
            if read is None:
                _keep(name, row, each, value)
            if read is None or read.tzinfo is not None:
                op.execute(table.update().where(table.c.id == row).values({each: _text(read)}))


def _read(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None


def _text(read: datetime | None) -> str | None:
    return read and read.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _keep(table: str, row: int, column: str, value: Any) -> None:
    create_table(
        KEPT,
        sa.Column("table_name", sa.String(), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.Column("column_name", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
    )
    names = ["table_name", "row_id", "column_name", "value"]
    kept = sa.table(KEPT, *map(sa.column, names))
    values = dict(zip(names, (table, row, column, str(value)), strict=True))
    op.execute(kept.insert().values(values))

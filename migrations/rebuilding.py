"""Brings back what SQLite drops with a table that is made anew: triggers and some indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

THERE = (
    "SELECT name, tbl_name, sql FROM sqlite_master"
    " WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid"
)


@contextmanager
def kept_beside(tables: Iterable[str]) -> Iterator[None]:
    """Make again, after the block, those triggers and indexes of `tables` that it dropped.

    SQLAlchemy carries plain indexes over; it cannot read triggers, nor indexes of expressions.
    Raises `CommandError`, so that nothing is changed, where one of them cannot be made again.
    """
    if op.get_bind().dialect.name != "sqlite":
        yield
        return
    names = set(tables)
    before = [each for each in _there() if each[1] in names]
    yield
    now = {name for name, _table, _sql in _there()}
    for name, table, statement in before:
        if name in now:
            continue
        try:
            op.get_bind().exec_driver_sql(statement)
        except DBAPIError as error:
            raise CommandError(
                f"{name!r} on the table {table!r} cannot be made again ({error.orig})."
                " Drop it, then upgrade again."
            ) from None


def _there() -> list[tuple[str, str, str]]:
    return [tuple(row) for row in op.get_bind().execute(sa.text(THERE))]

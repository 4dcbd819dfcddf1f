"""What a database holds already: every revision looks here before it changes anything.

Databases come from the legacy application in many shapes, and one whose stamp is unknown walks
the whole chain again. So nothing here fails because a thing is there, and nothing is made twice.
All revisions rely on these functions: what they mean to one must not change for another.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError


def inspector() -> sa.Inspector:
    """A fresh look: what an earlier one saw may have changed since."""
    return sa.inspect(op.get_bind())


def has_table(name: str) -> bool:
    """Whether there is a table of this name."""
    return inspector().has_table(name)


def column_names(table: str) -> set[str]:
    """The names of a table's columns, in the case in which they stand there."""
    return {column["name"] for column in inspector().get_columns(table)}


def add_columns(table: str, *columns: sa.Column[Any]) -> None:
    """Add those of `columns` that the table has not."""
    there = column_names(table)
    for column in columns:
        if column.name not in there:
            op.add_column(table, column)


def create_table(name: str, *parts: sa.schema.SchemaItem, **options: Any) -> None:
    """Create a table, unless it is there with all these columns.

    Raises CommandError where another table has the name: its rows are not ours to read.
    """
    if not has_table(name):
        op.create_table(name, *parts, **options)
        return
    missing = {part.name for part in parts if isinstance(part, sa.Column)} - column_names(name)
    if missing:
        raise CommandError(
            f"The table {name!r} is not Rollcall's: it has no {', '.join(sorted(missing))}. "
            "Give it another name, then upgrade again."
        )


def create_index(name: str, table: str, columns: list[str], *, unique: bool = False) -> None:
    """Create an index; one of this name that is another is made anew."""
    for index in inspector().get_indexes(table):
        if index["name"] != name:
            continue
        if index["column_names"] == columns and bool(index["unique"]) == unique:
            return
        op.drop_index(name, table)
    op.create_index(name, table, columns, unique=unique)

"""Puts many rows into a table at once: by COPY on PostgreSQL, by one prepared INSERT on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.orm import Session

_COPY_NULL = r"\N"


def put(
    db: Session,
    table: Table,
    import_id: int,
    columns: Sequence[str],
    batches: Iterable[Sequence[Sequence[Any]]],
) -> None:
    """Insert rows of an import, of text, numbers, yes-or-no and None in the order of `columns`.

    It is part of the transaction of `db`. The rows are read as they are written, a batch at once.
    """
    names = ", ".join(f'"{name}"' for name in (*columns, "import_id"))
    connection = db.connection()
    if connection.dialect.name != "postgresql":
        places = ", ".join(["?"] * len(columns) + [str(int(import_id))])
        statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({places})'  # noqa: S608 - ours
        for rows in batches:
            if rows:
                connection.exec_driver_sql(statement, [*map(tuple, rows)])
        return
    _copy(db, table, names, (_as_text(rows, import_id) for rows in batches if rows))


def put_text(db: Session, table: Table, import_id: int, columns: Sequence[str], text: str) -> None:
    """Insert rows of an import that are text already, with tabs between the columns."""
    if db.connection().dialect.name != "postgresql":
        put(db, table, import_id, columns, [[line.split("\t") for line in text.split("\n")[:-1]]])
        return
    names = ", ".join(f'"{name}"' for name in (*columns, "import_id"))
    text = text.replace("\\", "\\\\").replace("\n", f"\t{import_id}\n")
    _copy(db, table, names, [text])


def _copy(db: Session, table: Table, names: str, texts: Iterable[str]) -> None:
    driver = db.connection().connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy,
    ):
        for text in texts:
            copy.write(text)


def _as_text(rows: Sequence[Sequence[Any]], import_id: int) -> str:
    """The text format of COPY (PostgreSQL manual, COPY, File Formats)."""
    # Column by column the kind of a value is looked at once, not in each row.
    columns = [_column(values) for values in zip(*rows, strict=True)]
    end = f"\t{import_id}\n"
    return end.join(map("\t".join, zip(*columns, strict=True))) + end


def _column(values: Sequence[Any]) -> Sequence[str]:
    kinds = set(map(type, values))
    if kinds == {str}:
        # Tabs and line ends cannot be within a good cell; a reason may quote anything.
        joined = "".join(values)
        return values if joined.isprintable() and "\\" not in joined else [*map(_escaped, values)]
    if kinds == {int}:
        return [*map(str, values)]
    return [_value(value) for value in values]


def _value(value: Any) -> str:
    if value is None:
        return _COPY_NULL
    if isinstance(value, bool):
        return "t" if value else "f"
    return _escaped(str(value))


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\t", "\\t")
    return text.replace("\n", "\\n").replace("\r", "\\r")

"""Columns and tables that older versions left: dropped only when the maintainer says so."""

from __future__ import annotations

from sqlalchemy import Connection, inspect
from sqlalchemy.orm import Session

from app.core.desk.adopt.legacy import Legacy
from app.core.desk.adopt.prints import Print


def drop(db: Session, legacy: Legacy, prints: dict[str, Print]) -> None:
    """Drop them, and take them out of `prints`, so that the proof does not look for them."""
    connection = db.connection()
    quote = connection.dialect.identifier_preparer.quote
    for table, column in legacy.leftovers:
        if column is None:
            connection.exec_driver_sql(f"DROP TABLE {quote(table)}")
            prints.pop(table, None)
            continue
        for index in _indexes_of(connection, table, column):
            # SQLite refuses to drop a column that an index is made of.
            connection.exec_driver_sql(f"DROP INDEX {quote(index)}")
        connection.exec_driver_sql(f"ALTER TABLE {quote(table)} DROP COLUMN {quote(column)}")
        prints[table].columns.pop(column, None)


def _indexes_of(connection: Connection, table: str, column: str) -> list[str]:
    return [
        each["name"]
        for each in inspect(connection).get_indexes(table)
        if each["name"] and column in each["column_names"]
    ]

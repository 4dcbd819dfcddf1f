"""Moves many rows at once between tables of a database and those in memory, by COPY where it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, cast

import polars as pl
from polars import col
from sqlalchemy import Connection, Select, Table, literal, select, text
from sqlalchemy.orm import Session

from app.core.roster.ahead import ahead
from app.database import Base

Schema = Mapping[str, type[pl.DataType]]
"""The names and kinds of columns."""

BATCH = 5_000
"""Rows that are written or read at once."""

ROWS = 10
"""Rows that one statement of SQLite inserts: one by one takes a fifth longer."""

TOGETHER = 2
"""Batches that are handed on together."""

CACHE = 24_576
"""KiB of an SQLite database that stay in memory while rows are written."""


def put(
    db: Session,
    table: type[Base],
    import_id: int,
    columns: Sequence[str],
    tables: Iterable[pl.DataFrame],
) -> None:
    """Insert rows of an import: those columns of them, of text, numbers and booleans.

    It is part of the transaction of `db`. The tables are asked for in a thread of their own while
    rows are written, and must ask the database nothing.
    """
    named = [*columns, "import_id"]
    parts = ahead(
        part.select(*columns, pl.lit(import_id).alias("import_id"))
        for rows in tables
        for part in rows.iter_slices(BATCH)
    )
    name = cast(Table, table.__table__).name
    into = f'"{name}" ({", ".join(map(_quoted, named))})'
    connection = db.connection()
    if connection.dialect.name == "postgresql":
        _copy(connection, into, parts)
        return
    _insert(connection, f"INSERT INTO {into} VALUES", len(named), parts)


@contextmanager
def filling(db: Session, table: type[Base]) -> Iterator[bool]:
    """Ready a table for many rows; whether it has no indexes meanwhile, as an empty one of SQLite.

    To sort a million rows once takes a third of the time of a million insertions. It is part of
    the transaction of `db`: whoever looks meanwhile, or after a crash, finds the indexes there.
    """
    known = cast(Table, table.__table__)
    connection = db.connection()
    is_filled = db.scalar(select(literal(1)).select_from(known).limit(1))
    if is_filled or connection.dialect.name != "sqlite":
        with roomy(db):
            yield False
        return
    # To make one that holds a few rows alone would read them all, and the others are none of its.
    whole = [each for each in known.indexes if each.dialect_options["sqlite"]["where"] is None]
    for index in whole:
        index.drop(connection, checkfirst=True)  # A copy for a dry run has none.
    yield True
    for index in whole:
        index.create(connection)


@contextmanager
def roomy(db: Session) -> Iterator[None]:
    """Let SQLite keep indexes in memory while rows are written out of their order.

    Those of a long list are beyond the 2 MB that it keeps by itself.
    """
    connection = db.connection()
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE}")
    yield
    connection.exec_driver_sql("PRAGMA cache_size = -2000")


def _quoted(name: str) -> str:
    return f'"{name}"'


def _insert(connection: Connection, begins: str, width: int, parts: Iterable[pl.DataFrame]) -> None:
    row = f"({', '.join('?' * width)})"
    for part in parts:
        # The driver takes numbers as they are, and asks about every boolean how to store it.
        numbers = part.with_columns(col(pl.Boolean).cast(pl.Int8))
        whole = part.height - part.height % ROWS
        for rows, count in ((numbers[:whole], ROWS), (numbers[whole:], 1)):
            cells = chain.from_iterable(zip(*(each.to_list() for each in rows), strict=True))
            if values := [*zip(*[cells] * (width * count), strict=True)]:
                connection.exec_driver_sql(f"{begins} {', '.join([row] * count)}", values)


def _copy(connection: Connection, into: str, parts: Iterable[pl.DataFrame]) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for part in parts:
            copy.write(_as_text(part))


def fetch(db: Session, query: Select[*tuple[Any, ...]], schema: Schema) -> Iterator[pl.DataFrame]:
    """What a query finds, texts and numbers, in tables of many rows with the schema's columns.

    Where the database has to be asked something else meanwhile, take them all first.
    """
    found = _fetched(db, query, schema)
    while parts := list(islice(found, TOGETHER)):
        yield pl.concat(parts)


def _fetched(
    db: Session, query: Select[*tuple[Any, ...]], schema: Schema
) -> Iterator[pl.DataFrame]:
    connection = db.connection()
    if connection.dialect.name != "postgresql":
        for rows in db.execute(query.execution_options(yield_per=BATCH)).partitions():
            yield pl.DataFrame([tuple(row) for row in rows], schema, orient="row")
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    sql = query.compile(connection, compile_kwargs={"literal_binds": True})
    # With what is usual, a million lines would be grouped on the disk.
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    with driver.cursor() as cursor, cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT csv)") as copy:
        while data := b"".join(islice(copy, BATCH)):
            yield pl.read_csv(data, has_header=False, schema=schema, empty_string_is_null=False)


def _as_text(rows: pl.DataFrame) -> str:
    """The text format of COPY (PostgreSQL manual, COPY, File Formats); no cell is NULL."""
    texts = [name for name, kind in rows.schema.items() if kind == pl.String]
    special = rows.select(pl.any_horizontal(col(texts).str.contains(r"[\\\t\n\r]").any())).item()
    if special:
        escaped = col(texts)
        for sign, word in (("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r")):
            escaped = escaped.str.replace_all(sign, word, literal=True)
        rows = rows.with_columns(escaped)
    return rows.write_csv(separator="\t", include_header=False, quote_style="never")

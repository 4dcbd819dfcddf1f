"""A copy on which an adoption is tried out, so that a dry run can tell what would happen.

It is a SQLite file whatever the database is: trying on a server would lock its tables meanwhile,
and move its sequences for good. What repairs do is the same on both.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from sqlalchemy import Column, Engine, MetaData, Table, Text, cast, create_engine, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import CompileError

from app.core.desk.adopt.copies import sqlite
from app.core.desk.looking import looking

BATCH = 2000


def make_copy(url: str, path: Path) -> None:
    """Write everything that the database at `url` holds into the new SQLite file `path`."""
    path.touch(mode=0o600, exist_ok=False)
    if make_url(url).get_backend_name() == "sqlite":
        sqlite.save(url, path)
        return
    copy = create_engine(f"sqlite:///{path}")
    try:
        with looking(url) as source:
            _copy_rows(source, copy)
    finally:
        copy.dispose()


def _copy_rows(source: Engine, copy: Engine) -> None:
    there = MetaData()
    with source.connect() as reading, copy.begin() as writing:
        there.reflect(reading)
        same = MetaData()
        tables = [(table, _alike(table, same, copy)) for table in there.tables.values()]
        same.create_all(writing)
        for table, twin in tables:
            # What SQLite has no type for is copied as text.
            cells = [
                each if _is_known(each, copy) else cast(each, Text).label(each.name)
                for each in table.columns
            ]
            rows = reading.execution_options(yield_per=BATCH).execute(select(*cells))
            while some := list(islice(rows, BATCH)):
                writing.execute(twin.insert(), [dict(row._mapping) for row in some])


def _alike(table: Table, metadata: MetaData, copy: Engine) -> Table:
    """The same table without defaults, foreign keys and collations that SQLite may not know."""
    columns = [
        Column(
            each.name,
            each.type if _is_known(each, copy) and not _is_collated(each) else Text(),
            primary_key=each.primary_key,
            nullable=each.nullable,
            autoincrement=False,
        )
        for each in table.columns
    ]
    return Table(table.name, metadata, *columns)


def _is_known(column: Column[object], copy: Engine) -> bool:
    try:
        column.type.compile(copy.dialect)
    except CompileError:
        return False
    return True


def _is_collated(column: Column[object]) -> bool:
    return bool(getattr(column.type, "collation", None))

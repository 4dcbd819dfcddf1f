"""The legacy and our own tables of a PostgreSQL database as one SQL file, and back.

No other program is needed, whatever the versions of server and tools are. The file is written in
the form of `pg_dump`, one statement a line and rows as COPY writes them, so that `psql -f` can
restore it by hand. It holds tables with their columns, defaults, sequences, keys, constraints,
indexes and grants. A database in which a table of ours has more than that (triggers, rules,
policies), or is no plain table, is not saved: restoring would drop what the file does not hold.
Views and functions are not in it and stay; a view of our tables keeps them from being restored.
Comments are lost.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from app.core.desk.adopt.copies import catalogue
from app.core.desk.adopt.copies.broken import BadBackup
from app.core.desk.adopt.legacy import LEFTOVER_TABLES
from app.core.desk.adopt.listing import TABLE
from app.database import LOCK_TIMEOUT, Base

QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")""")
"""What stands in quotes in a statement."""

FIRST = "-- Rollcall backup 1, restorable by: psql --set ON_ERROR_STOP=1 --file"
LAST = "-- complete"

COPY = re.compile(r'COPY "?([^" ]+)"? \(([^)]*)\) FROM stdin;')

Connection = psycopg.Connection[tuple[Any, ...]]


def our_tables() -> list[str]:
    """The tables that an adoption may touch: the legacy application's and ours."""
    return sorted({*Base.metadata.tables, *LEFTOVER_TABLES, TABLE, "alembic_version"})


def save(url: str, path: Path) -> None:
    """Write those tables of the database at `url` into the empty file `path`."""
    with connect(url) as connection, path.open("wb") as file:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        # Who sees some of the rows only must not take them for all: this makes it an error.
        connection.execute("SET row_security = off")
        if beside := catalogue.beyond(connection, our_tables()):
            raise BadBackup(
                f"The backup could not hold {', '.join(beside)}. Take that out of the database"
                " (and put it back afterwards)."
            )
        _write(connection, file)
        file.flush()
        os.fsync(file.fileno())


def restore(url: str, path: Path) -> None:
    """Drop those tables, and make them anew from the file `path`, in one transaction."""
    with path.open("rb") as file:
        _check(file, path)
        try:
            with connect(url) as connection:
                connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
                _drop(connection, our_tables())
                _read(connection, file)
        except psycopg.Error as error:
            words = str(error).strip().splitlines()[0] if str(error).strip() else ""
            raise BadBackup(f"PostgreSQL refused ({type(error).__name__}): {words}") from None


def keys(path: Path) -> dict[str, set[str]]:
    """The ids of the rows of every table in the file `path` that has ids."""
    found: dict[str, set[str]] = {}
    with path.open("rb") as file:
        _check(file, path)
        for line in file:
            if not (copy := COPY.match(line.decode())):
                continue
            columns = [each.strip(' "') for each in copy[2].split(",")]
            rows = iter(file.readline, b"\\.\n")
            if "id" in columns:
                place = columns.index("id")
                found[copy[1]] = {row.rstrip(b"\n").split(b"\t")[place].decode() for row in rows}
            else:
                deque(rows, maxlen=0)
    return found


def connect(url: str) -> Connection:
    """A connection whose block is one transaction."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, connect_timeout=5)


def _write(connection: Connection, file: IO[bytes]) -> None:
    tables = catalogue.existing(connection, our_tables())
    _line(file, FIRST)
    _line(file, "BEGIN;")
    for statement in _before_rows(connection, tables):
        _statement(file, statement)
    for table in tables:
        names = sql.SQL(", ").join(
            sql.Identifier(each.name) for each in table.columns if not each.generated
        )
        copy = sql.SQL("COPY {} ({}) ").format(sql.Identifier(table.name), names)
        _statement(file, copy.as_string(connection) + "FROM stdin;")
        with connection.cursor().copy(copy + sql.SQL("TO STDOUT")) as rows:
            for row in rows:
                file.write(row)
        _line(file, "\\.")
    for statement in catalogue.after_rows(connection, tables):
        _statement(file, statement)
    _line(file, "COMMIT;")
    _line(file, LAST)


def _before_rows(connection: Connection, tables: list[catalogue.Table]) -> Iterator[str]:
    yield from catalogue.drop_outside_keys(connection, our_tables())
    names = ", ".join(f'"{name}"' for name in our_tables())
    yield f"DROP TABLE IF EXISTS {names};"
    yield from catalogue.before_rows(connection, tables)


def _drop(connection: Connection, names: list[str]) -> None:
    for statement in catalogue.drop_outside_keys(connection, names):
        connection.execute(statement.encode())
    listed = sql.SQL(", ").join(sql.Identifier(name) for name in names)
    # Without CASCADE: a view that somebody made must not vanish with them.
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(listed))


def _check(file: IO[bytes], path: Path) -> None:
    """Raise `BadBackup` for what is no whole backup; else the file stands at its beginning."""
    if file.readline().decode("utf-8", "replace").rstrip("\n") != FIRST:
        raise BadBackup(f"{path} is no backup of a PostgreSQL database.")
    file.seek(-len(LAST) - 1, os.SEEK_END)
    if file.read().decode("utf-8", "replace").strip() != LAST:
        raise BadBackup(f"{path} ends too early.")
    file.seek(0)


def _read(connection: Connection, file: IO[bytes]) -> None:
    for line in file:
        if line.startswith(b"COPY "):
            with connection.cursor().copy(line.strip().rstrip(b";")) as rows:
                for row in iter(file.readline, b"\\.\n"):
                    rows.write(row)
        elif not line.startswith((b"--", b"BEGIN;", b"COMMIT;")):
            connection.execute(line)


def _statement(file: IO[bytes], statement: str) -> None:
    # The catalogue breaks long expressions into lines; within quotes a break is a part of a name
    # or a text.
    parts = QUOTED.split(statement)
    parts[::2] = [each.replace("\n", " ") for each in parts[::2]]
    statement = "".join(parts)
    if "\n" in statement:
        raise BadBackup(f"A definition in the database has a line break in it: {statement[:80]}")
    _line(file, statement)


def _line(file: IO[bytes], text: str) -> None:
    file.write(text.encode() + b"\n")

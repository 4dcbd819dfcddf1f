"""A SQLite database as a file of its own, copied page by page while others may read it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy.engine import make_url

from app.core.desk.adopt.copies.broken import BadBackup
from app.core.desk.looking import looking
from app.database import BUSY_TIMEOUT

HEADER = b"SQLite format 3\0"
WRITE_VERSION = 18
"""The byte of the header that says how changes are written: 1 by a journal, 2 by WAL."""


def save(url: str, path: Path) -> None:
    """Copy the database at `url` into the empty file `path`."""
    with looking(url) as engine, engine.connect() as source, closing(_open(path, "rw")) as copy:
        opened = source.connection.driver_connection
        assert isinstance(opened, sqlite3.Connection)
        opened.backup(copy)
    _settle(path)


def keys(path: Path) -> dict[str, set[str]]:
    """The ids of the rows of every table in the file `path` that has ids."""
    _check(path)
    query = (
        "SELECT sqlite_master.name FROM sqlite_master, pragma_table_info(sqlite_master.name) AS own"
        " WHERE sqlite_master.type = 'table' AND own.name = 'id'"
        # The index of names and addresses numbers its own blocks, and they come and go.
        " AND sqlite_master.name NOT GLOB 'people_search*'"
    )
    with closing(_open(path, "ro")) as source:
        return {
            name: {str(own) for (own,) in source.execute(f'SELECT id FROM "{name}"')}  # noqa: S608
            for (name,) in source.execute(query).fetchall()
        }


def restore(url: str, path: Path) -> None:
    """Copy the file `path` over the database at `url`, in one transaction of SQLite's own."""
    _check(path)
    with closing(_open(path, "ro")) as source, closing(_open(_file(url), "rw")) as target:
        try:
            source.backup(target)
        except sqlite3.OperationalError as error:
            raise BadBackup(f"The database is in use ({error}). Stop Rollcall first.") from None
        except sqlite3.DatabaseError as error:
            raise BadBackup(f"{path} is damaged ({error}).") from None
        if _writes_by_journal(path):
            # How it is written is not what is in it: somebody who has it open may keep the mode.
            with suppress(sqlite3.OperationalError):
                target.execute("PRAGMA journal_mode=DELETE")


def _check(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(HEADER)) != HEADER:
            raise BadBackup(f"{path} is no SQLite database.")
    try:
        with closing(_open(path, "ro")) as source:
            found = source.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BadBackup(f"{path} is damaged ({error}).") from None
    if found != "ok":
        raise BadBackup(f"{path} is damaged ({found}).")


def _writes_by_journal(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(WRITE_VERSION + 1)[WRITE_VERSION] == 1


def _file(url: str) -> Path:
    return Path(make_url(url).database or "")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=BUSY_TIMEOUT)


def _settle(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())

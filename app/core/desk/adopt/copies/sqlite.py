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


def restore(url: str, path: Path) -> None:
    """Copy the file `path` over the database at `url`, in one transaction of SQLite's own."""
    if not path.read_bytes()[:16].startswith(HEADER):
        raise BadBackup(f"{path} is no SQLite database.")
    with closing(_open(path, "ro")) as source, closing(_open(_file(url), "rw")) as target:
        if source.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise BadBackup(f"{path} is damaged.")
        try:
            source.backup(target)
        except sqlite3.OperationalError as error:
            raise BadBackup(f"The database is in use ({error}). Stop Rollcall first.") from None
        if _writes_by_journal(path):
            # How it is written is not what is in it: somebody who has it open may keep the mode.
            with suppress(sqlite3.OperationalError):
                target.execute("PRAGMA journal_mode=DELETE")


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

"""Copies of a whole database: the backup before an adoption, and the way back.

SQLite: a copy of the file, made and restored by its own backup interface. PostgreSQL: an SQL file
that `psql` reads too (see `copies.postgres`).
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import make_url

from app.core.desk.adopt.copies import postgres, sqlite
from app.core.desk.adopt.copies.broken import BadBackup

__all__ = ["BadBackup", "Keys", "keys", "restore", "save", "suffix"]

Keys = dict[str, set[str]]
"""By table, the ids of its rows, as text."""


def suffix(url: str) -> str:
    """The ending of a backup file of this kind of database."""
    return ".db" if _is_sqlite(url) else ".sql"


def save(url: str, path: Path) -> None:
    """Write the whole database at `url` into the new file `path`, which its owner alone can read.

    Raises `FileExistsError`, and `OSError` where there is no room.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        (sqlite if _is_sqlite(url) else postgres).save(url, path)
    except BaseException:
        # Half a backup must not look like one.
        path.unlink()
        raise


def keys(url: str, path: Path) -> Keys:
    """The ids that the backup `path` holds, of every table that has a column `id`.

    Raises `BadBackup` for a file that is no backup of this kind of database.
    """
    return sqlite.keys(path) if _is_sqlite(url) else postgres.keys(path)


def restore(url: str, path: Path) -> None:
    """Make the database at `url` what it was when `path` was written, whole or not at all.

    Raises `BadBackup` for a file that is no backup of this kind of database, or a broken one.
    """
    (sqlite if _is_sqlite(url) else postgres).restore(url, path)


def _is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"

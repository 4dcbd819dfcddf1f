"""Looking at a database without leaving a trace: no row, no file, no other way of writing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url

from app.database import BUSY_TIMEOUT, make_engine


class NoDatabase(Exception):
    """There is no database file where the address says; `str()` of it is the path."""


@contextmanager
def looking(url: str) -> Iterator[Engine]:
    """An engine for `url` that can read and nothing else.

    Raises `NoDatabase` for a SQLite file that is not there: reading must not make one.
    """
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        with _disposed(_read_only(make_engine(url, pool_size=1))) as engine:
            yield engine
        return
    path = Path(address.database or "")
    if not path.is_file():
        raise NoDatabase(address.database or "nowhere")
    was_open = Path(f"{path}-wal").exists()
    try:
        with _disposed(_sqlite(path)) as engine:
            yield engine
    finally:
        if not was_open:
            _tidy(path)


@contextmanager
def _disposed(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


def _sqlite(path: Path) -> Engine:
    return create_engine(
        f"sqlite:///{path.resolve().as_uri()}?mode=ro&uri=true",
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT},
    )


def _tidy(path: Path) -> None:
    # To read a database in WAL mode SQLite makes two files beside it, which a reader may not
    # take away again. The last one to close it who could write does; it has nothing to write.
    with suppress(sqlite3.OperationalError):
        address = f"{path.resolve().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _read_only(engine: Engine) -> Engine:
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # One snapshot for all that is read, so that counts and rows of a live site agree.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    return engine

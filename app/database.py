"""The ground of the tables: base class, column types, engines and sessions. No Flask."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Engine, Index, MetaData, create_engine, event, text
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

BUSY_TIMEOUT = 180
"""Seconds a SQLite writer waits for another one before it gives up.

Longer than it takes to replace all of a list of a million lines, which is one transaction: up to
52 s were measured on two slow cores.
"""

LOCK_TIMEOUT = 10_000
"""Milliseconds a PostgreSQL statement waits for a lock before it gives up."""


LAST_ID = 2**31 - 1
"""The greatest id that the databases store."""

OF_SEARCH = ("chat_words", "people_search")
"""How the names of the tables begin in which SQLite keeps what is searched: nobody's own."""

SHORT_WAIT = 50
"""Milliseconds a SQLite writer waits whose note is worth no more."""

START_LOCK = 0x526F6C6C63616C6C
"""The number of PostgreSQL's advisory lock for first starts and migrations."""


class Base(DeclarativeBase):
    """The base of every table; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    def __repr__(self) -> str:
        """Only the identity: a repr that ends in a log must not carry a hash or an address."""
        return f"<{type(self).__name__} {getattr(self, 'id', '')}>"


def index_where(condition: str, name: str, *columns: str) -> Index:
    """An index of those rows alone for which the SQL `condition` holds, on both databases."""
    given = text(condition)
    return Index(name, *columns, sqlite_where=given, postgresql_where=given)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python, naive UTC in the database, as the legacy columns have it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values, which could be any zone, and store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back that the column leaves out."""
        return None if value is None else value.replace(tzinfo=UTC)


def make_engine(url: str, *, pool_size: int = 16) -> Engine:
    """An engine for `url` (SQLite or PostgreSQL); `pool_size` connections stay open at most.

    Its errors show no parameters: hashes and sealed codes are among them, and errors are logged.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        return _sqlite(url, pool_size)
    if address.drivername in {"postgres", "postgresql"}:
        address = address.set(drivername="postgresql+psycopg")
    return create_engine(
        address,
        pool_size=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "options": f"-c lock_timeout={LOCK_TIMEOUT}"},
    )


def _sqlite(url: str, pool_size: int) -> Engine:
    # The driver opens a transaction by itself before the first write, and "IMMEDIATE" makes it
    # take the write lock there and then. Reads before it stand outside any transaction, so no
    # reader ever has to become a writer half-way, which SQLite answers with "locked" at once.
    engine = create_engine(
        url,
        pool_size=pool_size,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT, "isolation_level": "IMMEDIATE"},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return engine


def make_sessions(engine: Engine, info: dict[str, Any] | None = None) -> sessionmaker[Session]:
    """A factory of sessions; objects stay readable after a commit. Each gets a copy of `info`."""
    return sessionmaker(engine, expire_on_commit=False, info=info or {})


@contextmanager
def hardly_waiting(db: Session) -> Iterator[None]:
    """Let go what is written here if SQLite's one writer is at work for longer than `SHORT_WAIT`.

    For notes that nobody misses. PostgreSQL goes on as usual: there a row can be skipped that
    somebody holds.
    """
    connection = db.connection()
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {SHORT_WAIT}")
    try:
        yield  # Where no transaction could begin there is none to roll back.
    except OperationalError as error:
        if "locked" not in str(error.orig):
            raise
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000}")


@contextmanager
def exclusively(engine: Engine) -> Iterator[None]:
    """Hold the one lock of this database that first starts and migrations wait for.

    PostgreSQL: an advisory lock of the session. SQLite: a lock on a file beside the database,
    which the system lets go when the process dies. Waits without end; not re-entrant.
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # However long another process migrates, this one waits for it.
            connection.exec_driver_sql("SET lock_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({START_LOCK})")
            try:
                yield
            finally:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({START_LOCK})")
                connection.exec_driver_sql("RESET lock_timeout")
        return
    with Path(f"{engine.url.database}.starting").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

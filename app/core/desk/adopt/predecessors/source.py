"""A predecessor's database, on SQLite or PostgreSQL, found by the columns of its tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, TableClause, column, func, inspect, select, table

from app.core.desk.adopt.cells import moment

MILLISECONDS_FROM = 10**11
"""A number from which on a moment is in milliseconds since 1970, as programs in JavaScript keep it
in SQLite; below it is in seconds."""


class Kind(StrEnum):
    """Which predecessor a database is of."""

    FLANCER = "flancer"
    MRWILLIS = "mrwillis"


class UnfitSource(Exception):
    """A database or a file that is not what it is said to be; `str()` of it says why."""


class Tables:
    """The tables of a database, with the names of their columns."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        seen = inspect(connection)
        self.columns = {
            name: {each["name"] for each in seen.get_columns(name)}
            for name in sorted(seen.get_table_names())
        }

    def with_columns(self, *names: str) -> list[str]:
        """The names of the tables that have all these columns."""
        return [table for table, there in self.columns.items() if there >= set(names)]

    def clause(self, name: str) -> TableClause:
        """A table with every column it has."""
        return table(name, *(column(each) for each in sorted(self.columns[name])))

    def count(self, name: str) -> int:
        """How many rows it has."""
        return self.connection.scalar(select(func.count()).select_from(self.clause(name))) or 0

    def counts(self, names: Iterable[str]) -> dict[str, int]:
        """How many rows each of these tables has, as far as they are there."""
        return {name: self.count(name) for name in sorted(names) if name in self.columns}


def when(value: Any) -> datetime | None:
    """A stored moment, aware; without a zone it is in UTC. None for what is no moment."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if abs(value) >= MILLISECONDS_FROM else value
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    found = moment(value)
    return found.replace(tzinfo=UTC) if found else None


def reference(kind: Kind, thing: str, *numbers: object) -> str:
    """By what a row is known when it comes again: a digest of its own numbers there."""
    text = "\n".join([kind.value, thing, *(str(each) for each in numbers)])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

"""What a database is asked, as its driver is told it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine, event


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """The words of every statement that goes to the database meanwhile, whoever sends it."""
    said: list[str] = []

    class Noting(psycopg.Cursor[Any]):
        """Keeps the words that it is given."""

        def execute(self, query: Any, *given: Any, **more: Any) -> Noting:
            said.append(query)
            super().execute(query, *given, **more)
            return self

    def note(connection: Any, _record: object, _proxy: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(said.append)
        else:
            connection.cursor_factory = Noting

    def leave(connection: Any, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(None)
        else:
            connection.cursor_factory = psycopg.Cursor

    event.listen(engine, "checkout", note)
    event.listen(engine, "checkin", leave)
    try:
        yield said
    finally:
        event.remove(engine, "checkout", note)
        event.remove(engine, "checkin", leave)

"""What an import is measured beside: a bare staging table, and the way the legacy took.

`floors URL FILE bare|legacy`, in a process of its own; prints the seconds that it took.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
import time
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

import psycopg
from sqlalchemy import Integer, String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

COLUMNS = ("user_code", "last_name", "email", "status", "class_name", "date", "lo_root_id")
BATCH = 10_000


class Base(DeclarativeBase):
    """The table of the legacy way."""


class LegacyLine(Base):
    """A row of a table as the legacy `authorized_users` is."""

    __tablename__ = "bench_authorized_users"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_code: Mapped[str] = mapped_column(String)
    last_name: Mapped[str] = mapped_column(String)
    email: Mapped[str] = mapped_column(String, index=True)
    status: Mapped[str] = mapped_column(String)
    class_name: Mapped[str] = mapped_column(String)
    date: Mapped[str] = mapped_column(String)
    lo_root_id: Mapped[str] = mapped_column(String)


def bare(url: str, path: Path) -> None:
    """Load the file into a table of seven text columns, without an index or a question."""
    columns = ", ".join(f"{name} TEXT" for name in COLUMNS)
    if url.startswith("sqlite"):
        with path.open(newline="", encoding="utf-8") as file:
            connection = sqlite3.connect(url.removeprefix("sqlite:///"))
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("DROP TABLE IF EXISTS bench_bare")
            connection.execute(f"CREATE TABLE bench_bare ({columns})")
            rows = csv.reader(file)
            next(rows)
            while batch := list(islice(rows, BATCH)):
                connection.executemany("INSERT INTO bench_bare VALUES (?,?,?,?,?,?,?)", batch)
            connection.commit()
            connection.close()
        return
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_bare")
        connection.execute(f"CREATE TABLE bench_bare ({columns})")
        copying = "COPY bench_bare FROM STDIN WITH (FORMAT csv, HEADER true)"
        with path.open("rb") as file, connection.cursor().copy(copying) as copy:
            while block := file.read(1 << 20):
                copy.write(block)


def legacy(url: str, path: Path) -> None:
    """The legacy way: lines grouped by person, a question for each, an ORM object for each line."""
    engine = create_engine(url)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with path.open(newline="", encoding="utf-8") as file, Session(engine) as db:
        lines = sorted(csv.DictReader(file), key=itemgetter("email"))
        for email, group in groupby(lines, key=itemgetter("email")):
            there = db.scalars(select(LegacyLine).where(LegacyLine.email == email)).all()
            known = {each.lo_root_id for each in there}
            for line in group:
                if line["lo_root_id"] not in known:
                    db.add(LegacyLine(**line))
        db.commit()
    engine.dispose()


def main() -> None:
    """Do what is asked for and print how long it took."""
    url, path, way = sys.argv[1:]
    began = time.perf_counter()
    {"bare": bare, "legacy": legacy}[way](url, Path(path))
    print(json.dumps({"seconds": time.perf_counter() - began}))


main()

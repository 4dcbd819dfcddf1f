"""What an import is measured beside: a bare staging table, and the way the legacy took.

`floors URL FILE bare|legacy`, in a process of its own; prints the seconds that it took.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
import time
from itertools import islice
from pathlib import Path

import pandas
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
    """The legacy way: a pandas group and a question for each person, an object for each line.

    Its import wrote the lines of who is active, and gave the accounts that it found their ids.
    """
    engine = create_engine(url)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    lines = pandas.read_csv(path, dtype=str, keep_default_na=False)
    with Session(engine) as db:
        for (last_name, email), group in lines.groupby(["last_name", "email"]):
            status = group["status"].str.strip().str.lower()
            held = group["lo_root_id"].str.strip().drop_duplicates().tolist()
            if not (status == "active").any():
                continue
            address = email.strip().lower()
            there = db.scalars(select(LegacyLine).where(LegacyLine.email == address)).all()
            missing = set(held) - {each.lo_root_id for each in there}
            for _, line in group.iterrows():
                if line["lo_root_id"].strip() in missing:
                    names = {"last_name": last_name.strip(), "email": address}
                    db.add(LegacyLine(**{**line.to_dict(), **names}))
        db.commit()
    engine.dispose()


def main() -> None:
    """Do what is asked for and print how long it took."""
    url, path, way = sys.argv[1:]
    began = time.perf_counter()
    {"bare": bare, "legacy": legacy}[way](url, Path(path))
    print(json.dumps({"seconds": time.perf_counter() - began}))


main()

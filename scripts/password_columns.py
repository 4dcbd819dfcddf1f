"""Look at a legacy `users` table, say what it lacks, and add it in one transaction.

Columns are added and nothing else is touched; run it as often as you like. Exit status: 0 done or
nothing to do, 1 failed with nothing changed, 2 wrong usage. Started by add_password_columns.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from dotenv import dotenv_values
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

ROOT = Path(__file__).resolve().parent.parent

# `email` takes NULL: the rows that are there have none, and a unique one cannot be made up.
WANTED = {
    "password_hash": ["ALTER TABLE users ADD COLUMN password_hash VARCHAR(255)"],
    "email": [
        "ALTER TABLE users ADD COLUMN email VARCHAR",
        "CREATE UNIQUE INDEX ix_users_email ON users (email)",
    ],
    "visit_count": ["ALTER TABLE users ADD COLUMN visit_count INTEGER DEFAULT 0"],
}
"""The columns, and the SQL that adds each."""

NEXT = "flask rollcall adopt --dry-run"
"""What to run next: it shows what moving the database over would change."""


class WrongUsage(Exception):
    """What was asked cannot be done with these words."""


class Failed(Exception):
    """What was asked did not work; nothing was changed."""


@dataclass
class Outcome:
    """What was found and done, as `--json` prints it."""

    database: str | None = None
    rows: int | None = None
    missing: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    state: str = "failed"
    error: str | None = None
    backup: str | None = None
    restore: str | None = None
    next: str = NEXT


def parse(words: list[str]) -> argparse.Namespace:
    """The options that were given."""
    parser = argparse.ArgumentParser(
        prog="add_password_columns.py",
        description="Adds what is missing of users.password_hash, users.email and "
        "users.visit_count to the legacy database that DATABASE_URL names, in the environment or "
        "in a file .env of this folder or of the project.",
        epilog="Exit status: 0 done or nothing to do, 1 failed, nothing changed, 2 wrong usage.",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan, change nothing")
    parser.add_argument("--backup", metavar="FILE", type=Path, help="first copy the data to FILE")
    parser.add_argument("--json", action="store_true", help="print what was found and done as JSON")
    return parser.parse_args(words)


def find_database() -> sa.URL:
    """The address of the legacy database. Raises WrongUsage where none is named."""
    folder, address = Path.cwd(), os.environ.get("DATABASE_URL")
    for place in () if address else (Path.cwd(), ROOT):
        if address := dotenv_values(place / ".env").get("DATABASE_URL"):
            folder = place
            break
    if not address:
        raise WrongUsage("DATABASE_URL is not set: name the legacy database, or put it in .env.")
    try:
        url = sa.make_url(address)
    except ArgumentError as error:
        raise WrongUsage("DATABASE_URL is no address of a database.") from error
    if url.get_backend_name() in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite" or not url.database:
        raise WrongUsage("DATABASE_URL has to name PostgreSQL or a file of SQLite.")
    file = folder / url.database
    if not file.is_file():
        # SQLite would make an empty database of a wrong name.
        raise Failed(f"There is no database at {file}.")
    return url.set(database=str(file))


def open_engine(url: sa.URL) -> sa.Engine:
    """An engine whose transactions hold changes of tables too."""
    if url.get_backend_name() == "postgresql":
        options = {"connect_timeout": 5, "options": "-c lock_timeout=10000"}
        return sa.create_engine(url, connect_args=options, hide_parameters=True)
    engine = sa.create_engine(url, connect_args={"timeout": 10, "isolation_level": None})

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def look(connection: sa.Connection, outcome: Outcome) -> None:
    """Find out what is missing. Raises Failed where there is no `users` table."""
    there = columns_of(connection)
    outcome.rows = count(connection)
    outcome.missing = [name for name in WANTED if name not in there]
    outcome.statements = [each for name in outcome.missing for each in WANTED[name]]


def columns_of(connection: sa.Connection) -> set[str]:
    """The names of the columns of `users`."""
    inspector = sa.inspect(connection)
    if not inspector.has_table("users"):
        raise Failed("There is no table users: this is no database of the legacy application.")
    return {column["name"] for column in inspector.get_columns("users")}


def count(connection: sa.Connection) -> int:
    """How many people there are."""
    return connection.scalar(sa.select(sa.func.count()).select_from(sa.table("users"))) or 0


def add(connection: sa.Connection, outcome: Outcome) -> None:
    """Add what is missing, and look whether it is there; the caller commits."""
    for statement in outcome.statements:
        connection.exec_driver_sql(statement)
    if lacking := WANTED.keys() - columns_of(connection):
        raise Failed(f"users still lacks {', '.join(sorted(lacking))}.")
    if count(connection) != outcome.rows:
        raise Failed("users has another number of rows than before.")


def back_up(connection: sa.Connection, file: Path, outcome: Outcome) -> None:
    """Copy the data to `file`, which must not exist, and say how it comes back."""
    # For its owner alone: there may be hashes in it.
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name == "sqlite":
            outcome.restore = _copy_file(connection.engine.url.database or "", file)
        else:
            outcome.restore = _copy_table(driver, file)
    except BaseException:
        file.unlink()
        raise
    outcome.backup = str(file)


def _copy_file(database: str, file: Path) -> str:
    source, target = sqlite3.connect(database), sqlite3.connect(file)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    return f"Stop the application and put {file} in the place of {database}."


def _copy_table(driver: psycopg.Connection, file: Path) -> str:
    # Quotes tell an empty text from NULL.
    sql = "COPY users TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE *)"
    with file.open("wb") as target, driver.cursor() as cursor, cursor.copy(sql) as copy:
        for piece in copy:
            target.write(piece)
    with file.open(encoding=driver.info.encoding) as written:
        names = written.readline().strip()
    return f"Into an empty table: psql -c \"\\copy users ({names}) FROM '{file}' CSV HEADER\""


def run(options: argparse.Namespace, outcome: Outcome) -> None:
    """Do what was asked, and write into `outcome` what was found and done."""
    backup: Path | None = options.backup
    if backup and (backup.exists() or not backup.absolute().parent.is_dir()):
        raise WrongUsage(f"--backup wants a new file in a folder that is there: {backup}")
    url = find_database()
    outcome.database = url.render_as_string(hide_password=True)
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            look(connection, outcome)
            if not options.json:
                tell_plan(outcome)
            if not outcome.missing or options.dry_run:
                outcome.state = "planned" if outcome.missing else "nothing to do"
                return
            if backup:
                back_up(connection, backup, outcome)
            add(connection, outcome)
        outcome.state = "done"
    finally:
        engine.dispose()


def tell_plan(outcome: Outcome) -> None:
    """Print what was found and what follows from it."""
    print(f"Database: {outcome.database}")
    print(f"The table users has {outcome.rows} rows.")
    if not outcome.missing:
        print("It has password_hash, email and visit_count: nothing to do.")
        return
    print(f"It lacks {', '.join(outcome.missing)}. The plan, in one transaction:")
    print(*(f"    {statement};" for statement in outcome.statements), sep="\n", flush=True)


def tell_end(outcome: Outcome) -> None:
    """Print what was done."""
    if outcome.backup:
        print(f"Backup: {outcome.backup}", f"To restore it: {outcome.restore}", sep="\n")
    if outcome.state == "planned":
        print("Dry run: nothing was changed.")
    if outcome.state == "done":
        print("Done, and looked at again: the columns are there and no row is missing.")
    print(f"Next: {outcome.next}")


def main(words: list[str]) -> int:
    """Look, say, do; the exit status."""
    options, outcome, status = parse(words), Outcome(), 0
    try:
        run(options, outcome)
    except WrongUsage as error:
        outcome.state, outcome.error, status = "wrong usage", str(error), 2
    except (Failed, SQLAlchemyError, psycopg.Error, sqlite3.Error, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        outcome.state, outcome.error, status = "failed", str(cause).strip(), 1
    if options.json:
        print(json.dumps(vars(outcome), indent=2))
    elif not status:
        tell_end(outcome)
    if outcome.error:
        print(f"Nothing was changed: {outcome.error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

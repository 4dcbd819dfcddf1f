"""What tests of `flask rollcall adopt` share: the command, and all that a database holds."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import make_engine
from app.models.people import Entitlement, User, UserLoRootId
from tests.copies import Copies

on_both = pytest.mark.parametrize("engine", ["sqlite", "postgresql"])


@dataclass(frozen=True)
class Adopted:
    """What an adoption told, and where the files are that it wrote into `DATA_DIR`."""

    told: dict[str, Any]
    files: Path


class Adopt:
    """The command as a maintainer calls it."""

    def __init__(
        self,
        app: Flask,
        url: str,
        folder: Path,
        variant: str,
        copies: Copies,
        adopted: dict[tuple[str, ...], Adopted],
    ) -> None:
        self.app = app
        self.url = url
        self.folder = folder
        self.variant = variant
        self.copies = copies
        self.adopted = adopted

    def __call__(self, *options: str, **given: Any) -> Any:
        runner = self.app.test_cli_runner()
        return runner.invoke(args=["rollcall", "adopt", *options], **given)

    def done(self, *options: str, code: int = 0) -> dict[str, Any]:
        """What it tells programs; fails unless it ends with `code`."""
        result = self(*options, "--json")
        assert result.exit_code == code, result.output
        assert result.stdout.count("\n") == 1
        told: dict[str, Any] = json.loads(result.stdout)
        return told

    def made(self, *options: str) -> dict[str, Any]:
        """As `done` on the database as it came, but one adoption serves all tests of a process.

        The second test that asks for the same gets a copy of the database and of the backup.
        """
        return self._once(" ".join(options), lambda: self.done(*options))

    def upgraded(self) -> None:
        """Upgrade the database as it came, by hand; that too is done once in a process."""

        def upgrade() -> dict[str, Any]:
            done = self.app.test_cli_runner().invoke(args=["rollcall", "prepare"])
            assert done.exit_code == 0, done.output
            return {}

        self._once("upgraded", upgrade)

    def _once(self, words: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        name = f"{self.variant} {words}"
        key = (name, self.url)
        if key not in self.adopted:
            told = act()
            let_go(self.app)
            self.copies.keep(name, self.url)
            files = self.copies.folder / f"backups-{len(self.adopted)}"
            files.mkdir()
            for path in written(self.app):
                shutil.copy2(path, files)
            self.adopted[key] = Adopted(told, files)
        else:
            let_go(self.app)
            self.copies.bring(name, self.url)
            for path in self.adopted[key].files.iterdir():
                shutil.copy2(path, self.app.instance_path)
        return self.adopted[key].told

    def files(self) -> dict[str, str]:
        """By path, a checksum of each file beside the database and in `DATA_DIR`."""
        return checksums(Path(self.app.instance_path).parent)

    @property
    def plain(self) -> str:
        """The address as other programs say it."""
        return self.url.replace("+psycopg", "")

    def state(self) -> Any:
        """Everything that is in the database, schema and rows, to be compared."""
        return dump(self.url)


def checksums(folder: Path) -> dict[str, str]:
    """By path, a checksum of each file below a folder."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def let_go(app: Flask) -> None:
    """Close the app's connections: the database under it is about to be another."""
    app.extensions["rollcall"].sessions.kw["bind"].dispose()


def written(app: Flask) -> list[Path]:
    """The files that the command wrote into `DATA_DIR`."""
    folder = Path(app.instance_path)
    return [*folder.glob("*.json"), *folder.glob("adopt-*"), *folder.glob("undo-*")]


def forget_backups(app: Flask) -> None:
    """Remove those files."""
    for path in written(app):
        path.unlink()


def dump(url: str) -> Any:
    """All that is in a database: rows, and the statements or catalogue entries behind them."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return list(connection.iterdump())
    found = {}
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        for name, query in CATALOGUE.items():
            found[name] = connection.execute(query).fetchall()
        # One question for all of them: each by itself would take a way to the server and back.
        every_row = [
            f"SELECT '{table}', whole::text FROM \"{table}\" AS whole"
            for (table, _) in found["tables"]
        ]
        every_state = [
            f"SELECT '{sequence}', last_value, is_called FROM \"{sequence}\""
            for (sequence,) in found["sequences"]
        ]
        for name, questions in (("rows", every_row), ("states", every_state)):
            found[name] = sorted(connection.execute(" UNION ALL ".join(questions)).fetchall())
    return found


CATALOGUE = {
    "tables": "SELECT relname, relacl::text FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1",
    "sequences": "SELECT relname FROM pg_class"
    " WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace ORDER BY 1",
    "sequence options": "SELECT * FROM pg_sequences ORDER BY sequencename",
    "columns": "SELECT table_name, column_name, ordinal_position, column_default, is_nullable,"
    " data_type, character_maximum_length, is_identity FROM information_schema.columns"
    " WHERE table_schema = 'public' ORDER BY 1, 3",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
    " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    "ownership": "SELECT sequence.relname, refobjid::regclass::text, refobjsubid, deptype::text"
    " FROM pg_depend JOIN pg_class AS sequence ON sequence.oid = objid AND relkind = 'S'"
    " WHERE deptype IN ('a', 'i') ORDER BY 1",
}


def columns_of(db: Session, column: Any) -> dict[int, Any]:
    """A column of users by id."""
    db.rollback()
    return dict(db.execute(select(User.id, column)).all())


def held(db: Session) -> set[tuple[int, str]]:
    db.rollback()
    return {tuple(row) for row in db.execute(select(UserLoRootId.user_id, UserLoRootId.lo_root_id))}


def sources(db: Session) -> dict[tuple[int, str], set[str]]:
    """Why people hold what they hold."""
    found: dict[tuple[int, str], set[str]] = {}
    for each in db.scalars(select(Entitlement)):
        found.setdefault((each.user_id, each.lo_root_id), set()).add(each.source)
    return found


def execute(url: str, *statements: str) -> None:
    """Run these statements in a database."""
    engine = make_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


MEDDLING = {
    "sqlite": [
        "CREATE TRIGGER meddle AFTER DELETE ON user_lo_root_ids BEGIN"
        " UPDATE chat_history SET bot_message = 'x' WHERE id = 4; END"
    ],
    "postgresql": [
        "ALTER TABLE chat_history ADD COLUMN meddled VARCHAR"
        " GENERATED ALWAYS AS (user_id::text || program_code) STORED"
    ],
}
"""Something in the database that changes what nobody chose, while other things are repaired."""

"""A print of a table: a digest of each value of each row, eight bytes each, by the row's key."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, inspect, null, select, table
from sqlalchemy.engine import Inspector

from app.core.desk.adopt.cells import moment, password
from app.core.desk.adopt.edits import Key
from app.core.desk.adopt.legacy import CHATS, MOMENTS, col
from app.database import OF_SEARCH, Base
from app.models.people import User

KEPT = {
    "users", "user_lo_root_ids", "chatbot_contents", "chatbot_lo_root_association",
    "chat_history", "disclaimer_acceptances",
}  # fmt: skip
"""The tables that the legacy database and ours have in common."""

KEPT_OF_USERS = {
    "id", "last_name", "email", "visit_count", "status", "date_added", "expiry_date",
    "password_hash",
}  # fmt: skip

WHOLE = 2**64


@dataclass(frozen=True)
class Print:
    """The keys of a table's rows, and by column the digest of each row's value."""

    keys: list[Key]
    columns: dict[str, array[int]]
    whole: list[str] = field(default_factory=list)
    """Of a table without a key: the columns whose values together are the key of a row."""
    is_old_chats: bool = False
    """A row for each side of an exchange: the keys are digests of what was said, by whom."""
    hidden: list[int] = field(default_factory=list)
    """Of old chats: the keys of what was hidden."""

    def checksum(self) -> str:
        """Sixteen letters for all rows and columns, in whatever order."""
        sums = [hash_of(key) for key in self.keys]
        for name, digests in self.columns.items():
            salt = hash_of(name) | 1
            sums = [(a + salt * b) % WHOLE for a, b in zip(sums, digests, strict=True)]
        return f"{sum(hash_of(each) for each in sums) % WHOLE:016x}"


def take(connection: Connection, like: dict[str, Print] | None = None) -> dict[str, Print]:
    """The print of every legacy table, or of the tables and columns of the print `like`."""
    inspector = inspect(connection)
    there = inspector.get_table_names()
    if like is None:
        names = [name for name in sorted(there) if name in KEPT or _is_foreign(name)]
        return {name: _take_table(connection, inspector, name, None) for name in names}
    return {
        name: _take_table(connection, inspector, name, former)
        for name, former in like.items()
        if name in there
    }


def _is_foreign(name: str) -> bool:
    return not name.startswith(OF_SEARCH) and name not in (*Base.metadata.tables, "alembic_version")


def _take_table(
    connection: Connection, inspector: Inspector, name: str, former: Print | None
) -> Print:
    there = [each["name"] for each in inspector.get_columns(name)]
    if former.is_old_chats if former else _is_old(name, there):
        return _take_sayings(connection, there)
    if name == "users":
        added = {each.name for each in User.__table__.columns} - KEPT_OF_USERS
        there = [each for each in there if each not in added]
    key = inspector.get_pk_constraint(name)["constrained_columns"]
    known = [*former.columns, *former.whole] if former else there
    wanted = [each for each in known if each in there]
    wanted = [each for each in wanted if each not in key]
    return _read(connection, name, key, wanted)


def _is_old(name: str, there: list[str]) -> bool:
    return name == CHATS and {"message", "sender"} <= set(there) and "user_message" not in there


def _read(connection: Connection, name: str, key: list[str], wanted: list[str]) -> Print:
    query = select(*(col(each) for each in [*key, *wanted])).select_from(table(name))
    keys: list[Key] = []
    columns = {each: array("Q") for each in wanted}
    readers = [_reader(name, each) for each in wanted]
    for row in connection.execute(query.order_by(*(col(each) for each in key))):
        own = tuple(row[: len(key)])
        keys.append(own[0] if len(own) == 1 else own)
        cells = zip(columns.values(), readers, row[len(key) :], strict=True)
        for digests, read, value in cells:
            digests.append(hash_of(read(value) if read else value))
    if key:
        return Print(keys, columns)
    # Without a key a row is what is in it.
    rows = [tuple(each[number] for each in columns.values()) for number in range(len(keys))]
    return Print([hash_of(each) for each in rows], {}, whole=wanted)


def _reader(name: str, column: str) -> Callable[[Any], Any] | None:
    """What reads the cells of a column in which the upgrade empties what it cannot read.

    The report names it; the text of what is no moment is kept beside.
    """
    if column in MOMENTS.get(name, ()):
        return moment
    return password if (name, column) == ("users", "password_hash") else None


def _take_sayings(connection: Connection, there: list[str]) -> Print:
    old = "user_message" not in there
    names = ["sender", "message"] if old else ["user_message", "bot_message"]
    visible = col("is_visible") if "is_visible" in there else null().label("is_visible")
    wanted = [*(col(each) for each in ("user_id", "program_code", *names)), visible]
    said: list[Key] = []
    hidden: list[int] = []
    query = select(*wanted).select_from(table(CHATS))
    for user, code, first, second, shown in connection.execute(query):
        asked = old and str(first).strip().lower() == "user"
        old_side = ("user" if asked else "bot", second)
        sides = [old_side] if old else [("user", first), ("bot", second)]
        # An empty side stands for one that was never there.
        keys = [hash_of((user, code, side, words)) for side, words in sides if words]
        said += keys
        hidden += keys if shown is not None and not shown else []
    return Print(said, {}, is_old_chats=True, hidden=hidden)


def hash_of(value: Any) -> int:
    """Eight bytes for a value, the same on both engines and for every form of one moment."""
    if isinstance(value, datetime):
        aware = value.tzinfo is not None
        value = (value.astimezone(UTC).replace(tzinfo=None) if aware else value).isoformat(
            " ", "microseconds"
        )
    elif isinstance(value, bool):
        value = int(value)
    data = repr(value).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest())


EMPTY = hash_of(None)

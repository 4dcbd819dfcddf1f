"""The proof that nothing was lost: what stands in every legacy table before and after.

A print of a table holds a digest of each value of each row, in the order of its key, eight bytes
each. Two prints are equal, or name the column and the rows in which they differ.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, inspect, select, table
from sqlalchemy.engine import Inspector

from app.core.desk.adopt.edits import Edits, Key
from app.core.desk.adopt.legacy import CHATS, col
from app.database import Base
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

FILLED = {
    "users": {"last_name", "email", "visit_count", "status"},
    "chatbot_contents": {"content", "intro_message", "category", "quota"},
    "chat_history": {"user_message", "bot_message", "is_visible"},
}
"""Columns in which the upgrade itself puts a value where there was none (T2, T12)."""

SHOWN = 5
"""Rows that a difference names."""

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

    def checksum(self) -> str:
        """Sixteen letters for all rows and columns, in whatever order."""
        sums = [hash_of(key) for key in self.keys]
        for name, digests in self.columns.items():
            salt = hash_of(name) | 1
            sums = [(a + salt * b) % WHOLE for a, b in zip(sums, digests, strict=True)]
        return f"{sum(hash_of(each) for each in sums) % WHOLE:016x}"


@dataclass
class Line:
    """The proof of one table."""

    table: str
    before: int
    upgraded: int
    after: int
    expected: str
    """The checksum of what stood there before, with what was chosen."""
    found: str
    """The checksum of what stands there now; empty where the table is gone."""
    differences: list[str] = field(default_factory=list)


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
    return name not in Base.metadata.tables and name != "alembic_version"


def _take_table(
    connection: Connection, inspector: Inspector, name: str, former: Print | None
) -> Print:
    there = [each["name"] for each in inspector.get_columns(name)]
    if former.is_old_chats if former else {"message", "sender"} <= set(there):
        return _take_sayings(connection, there)
    if name == "users":
        added = {each.name for each in User.__table__.columns} - KEPT_OF_USERS
        there = [each for each in there if each not in added]
    key = inspector.get_pk_constraint(name)["constrained_columns"]
    known = [*former.columns, *former.whole] if former else there
    wanted = [each for each in known if each in there]
    wanted = [each for each in wanted if each not in key]
    return _read(connection, name, key, wanted)


def _read(connection: Connection, name: str, key: list[str], wanted: list[str]) -> Print:
    query = select(*(col(each) for each in [*key, *wanted])).select_from(table(name))
    keys: list[Key] = []
    columns = {each: array("Q") for each in wanted}
    for row in connection.execute(query.order_by(*(col(each) for each in key))):
        own = tuple(row[: len(key)])
        keys.append(own[0] if len(own) == 1 else own)
        for digests, value in zip(columns.values(), row[len(key) :], strict=True):
            digests.append(hash_of(value))
    if key:
        return Print(keys, columns)
    # Without a key a row is what is in it.
    rows = [tuple(each[number] for each in columns.values()) for number in range(len(keys))]
    return Print([hash_of(each) for each in rows], {}, whole=wanted)


def _take_sayings(connection: Connection, there: list[str]) -> Print:
    old = "user_message" not in there
    names = ["sender", "message"] if old else ["user_message", "bot_message"]
    wanted = [col(each) for each in ("user_id", "program_code", *names)]
    query = select(*wanted).select_from(table(CHATS))
    said = []
    for user, code, first, second in connection.execute(query):
        asked = old and str(first).strip().lower() == "user"
        old_side = ("user" if asked else "bot", second)
        sides = [old_side] if old else [("user", first), ("bot", second)]
        # An empty side stands for one that was never there.
        said += [hash_of((user, code, side, words)) for side, words in sides if words]
    return Print(said, {}, is_old_chats=True)


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


def expect(prints: dict[str, Print], edits: Edits) -> dict[str, Print]:
    """What the prints become by these edits."""
    return {name: _edited(name, former, edits) for name, former in prints.items()}


def _edited(name: str, former: Print, edits: Edits) -> Print:
    gone, come = edits.gone.get(name, set()), edits.come.get(name, set())
    columns = {each: array("Q", digests) for each, digests in former.columns.items()}
    places = {key: number for number, key in enumerate(former.keys)}
    for (table_name, each), values in edits.changed.items():
        if table_name == name:
            for key, value in values.items():
                columns[each][places[key]] = hash_of(value)
    if not gone and not come:
        return replace(former, columns=columns)
    stay = [number for number, key in enumerate(former.keys) if key not in gone]
    keys = [*(former.keys[number] for number in stay), *come]
    for each, digests in columns.items():
        # A row that comes has nothing but its key.
        columns[each] = array("Q", [*(digests[number] for number in stay), *([EMPTY] * len(come))])
    return replace(former, keys=keys, columns=columns)


def compare(
    before: dict[str, Print],
    upgraded: dict[str, Print],
    expected: dict[str, Print],
    found: dict[str, Print],
) -> Iterator[Line]:
    """The proof, table by table: first what the upgrade did, then what the repairs did."""
    for name in sorted({*before, *expected}):
        wrong: list[str] = []
        if name in before:
            wrong += differences(name, before[name], upgraded.get(name), filled=True)
        if name in expected:
            wrong += differences(name, expected[name], found.get(name), filled=False)
        yield Line(
            table=name,
            before=_count(before, name),
            upgraded=_count(upgraded, name),
            after=_count(found, name),
            expected=expected[name].checksum() if name in expected else "",
            found=found[name].checksum() if name in found else "",
            differences=wrong,
        )


def _count(prints: dict[str, Print], name: str) -> int:
    return len(prints[name].keys) if name in prints else 0


def differences(name: str, expected: Print, found: Print | None, *, filled: bool) -> list[str]:
    """In words, what is not as expected; `filled` lets the upgrade put values where none were."""
    if found is None:
        return [f"the table {name} is gone"]
    if Counter(expected.keys) != Counter(found.keys):
        return list(_rows_that_differ(name, expected.keys, found.keys))
    # Rows are found by their key: each engine has its own idea of the order of texts.
    places = {key: number for number, key in enumerate(found.keys)}
    said = []
    for each, digests in expected.columns.items():
        if each not in found.columns:
            said.append(f"the column {name}.{each} is gone")
            continue
        now, may_fill = found.columns[each], filled and each in FILLED.get(name, set())
        rows = zip(expected.keys, digests, strict=True)
        pairs = ((key, digest, now[places[key]]) for key, digest in rows)
        other = [key for key, a, b in pairs if a != b and not (may_fill and a == EMPTY)]
        if other:
            said.append(f"{name}.{each} differs in {len(other)} rows: {_some(other)}")
    return said


def _rows_that_differ(name: str, expected: Iterable[Key], found: Iterable[Key]) -> Iterator[str]:
    missing = Counter(expected) - Counter(found)
    more = Counter(found) - Counter(expected)
    if missing:
        yield f"{name} has lost {missing.total()} rows: {_some(missing)}"
    if more:
        yield f"{name} has {more.total()} rows too many: {_some(more)}"


def _some(keys: Iterable[Key]) -> str:
    listed = list(keys)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(str(each) for each in listed[:SHOWN]) + more

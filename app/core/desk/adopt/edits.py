"""What the repairs change, row by row: written by one function, expected by the proof."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import bindparam, delete, exists, insert, literal, not_, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.desk.adopt.legacy import CHATS
from app.database import Base, UtcDateTime
from app.models.people import Entitlement, Source, User, UserLoRootId

BATCH = 500
"""Ids that one statement names."""

Key = Any
"""The primary key of a row: an id, or a tuple."""


@dataclass
class Edits:
    """New values by table, column and id; rows that go or come, by table and primary key."""

    changed: dict[tuple[str, str], dict[int, Any]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    gone: dict[str, set[Key]] = field(default_factory=lambda: defaultdict(set))
    come: dict[str, set[Key]] = field(default_factory=lambda: defaultdict(set))
    counts: dict[str, int] = field(default_factory=dict)
    """How many rows each repair touches, by its name."""

    def give(self, name: str, table: str, column: str, values: dict[int, Any]) -> None:
        """Give rows of `table` a new value each, in the name of a repair."""
        if values:
            self.changed[table, column] |= values
            self.counts[name] = self.counts.get(name, 0) + len(values)

    def move(self, name: str, table: str, before: set[Key], after: set[Key]) -> None:
        """Replace the rows `before` of a table whose columns are all key by `after`."""
        if before != after:
            self.gone[table] |= before - after
            self.come[table] |= after - before
            self.counts[name] = len(before ^ after)

    def drop(self, name: str, table: str, keys: Iterable[Key]) -> None:
        """Take rows away."""
        if dropped := set(keys):
            self.gone[table] |= dropped
            self.counts[name] = len(dropped)

    def __bool__(self) -> bool:
        return bool(self.counts)


def carry_out(db: Session, edits: Edits) -> None:
    """Write the edits; the caller commits."""
    for (table, column), values in edits.changed.items():
        _change(db, table, column, values)
    for table, keys in edits.gone.items():
        if table in {"users", CHATS}:
            continue
        _delete_pairs(db, table, keys)
    for table, keys in edits.come.items():
        _insert_pairs(db, table, keys)
    for table in (CHATS, "users"):
        _delete_ids(db, table, edits.gone.get(table, set()))
    _explain(db)


def _change(db: Session, name: str, column: str, values: dict[int, Any]) -> None:
    table = Base.metadata.tables[name]
    alike: dict[Any, list[int]] = defaultdict(list)
    for row_id, value in values.items():
        alike[value].append(row_id)
    for value, ids in alike.items():
        for some in _batches(ids):
            db.execute(update(table).where(table.c.id.in_(some)).values({column: value}))


def _delete_ids(db: Session, name: str, keys: set[Key]) -> None:
    table = Base.metadata.tables[name]
    for some in _batches(keys):
        db.execute(delete(table).where(table.c.id.in_(some)))


def _delete_pairs(db: Session, name: str, keys: set[Key]) -> None:
    table = Base.metadata.tables[name]
    own, lo = table.primary_key.columns
    statement = delete(table).where(own == bindparam("own"), lo == bindparam("lo"))
    if keys:
        db.connection().execute(statement, [{"own": one, "lo": two} for one, two in sorted(keys)])


def _insert_pairs(db: Session, name: str, keys: set[Key]) -> None:
    table = Base.metadata.tables[name]
    own, lo = table.primary_key.columns
    if keys:
        db.execute(insert(table), [{own.name: one, lo.name: two} for one, two in sorted(keys)])


def _explain(db: Session) -> None:
    """Keep `entitlements` equal to what people hold: what nothing else explains is legacy."""
    held = UserLoRootId.__table__
    pair = (Entitlement.user_id == held.c.user_id, Entitlement.lo_root_id == held.c.lo_root_id)
    db.execute(
        delete(Entitlement)
        .where(Entitlement.source == Source.LEGACY.value, not_(exists().where(*pair)))
        .execution_options(synchronize_session=False)
    )
    now = literal(clock.now(), UtcDateTime())
    rows = select(held.c.user_id, held.c.lo_root_id, literal(Source.LEGACY.value), now).where(
        not_(exists().where(*pair)), exists().where(User.id == held.c.user_id)
    )
    names = ["user_id", "lo_root_id", "source", "granted_at"]
    db.execute(insert(Entitlement).from_select(names, rows))


def _batches(keys: Iterable[Key]) -> Iterable[list[Key]]:
    ordered = iter(sorted(keys))
    while some := list(islice(ordered, BATCH)):
        yield some

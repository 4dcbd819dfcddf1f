"""The people behind the numbers of an import, page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    and_,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session

from app.core.roster import ledger, searching
from app.core.roster.searching import OUT
from app.models.edits import RosterEdit
from app.models.people import User
from app.models.rosters import (
    Change,
    RosterChange,
    RosterImport,
    RosterLine,
    StagedLine,
)

UNCHANGED, INACTIVE, EDITED = "unchanged", "inactive", "edited"
KINDS = (
    "added", "back", "changed", "removed", UNCHANGED, INACTIVE, "losing_program",
    "losing_session", EDITED,
)  # fmt: skip
"""Which people of an import can be listed."""

Place = tuple[str, str]
"""Where a page ended: last name and address."""


@dataclass(frozen=True)
class Person:
    """Somebody of an import; ids are joined by `;`."""

    address: str
    last_name: str
    change: str
    gained: str = ""
    lost: str = ""
    back: bool = False


def list_changes(
    db: Session,
    import_id: int,
    kind: str,
    *,
    search: str = "",
    after: Place | None = None,
    limit: int = 50,
) -> list[Person]:
    """People of one of `KINDS` by address, `after` the last one already seen.

    `search` is any part of a name or address. Those who do not change are known only as long as
    the import is the one in force, or waits beside that one. Raises `NotFound`.
    """
    found = ledger.get(db, import_id)
    if kind == UNCHANGED and not knows_unchanged(db, found):
        return []
    place = after[1] if after is not None else ""
    if kind == INACTIVE and (not found.inactive or searching.is_ready(db, import_id, OUT)):
        return _inactive(db, import_id, search, place, limit)
    rows = {UNCHANGED: _unchanged, EDITED: _edited}.get(kind, _changing)(import_id, kind)
    # Names that are edited by hand may change any day, so that nobody packs them. No index has
    # these two alone: a few of them would be looked for among all the others.
    packed = kind in (Change.ADDED.value, UNCHANGED) or (search.strip() and kind != EDITED)
    if packed and searching.is_ready(db, import_id):
        look = partial(searching.find, db, import_id, kind, search, limit=limit)
        return _searched(db, rows, look, place, limit)
    query = rows.query.order_by(rows.address).limit(limit)
    if place:
        query = query.where(rows.address > place)
    if search.strip():
        query = query.where(_has(search, rows.name, rows.address))
    return [Person(*row) for row in db.execute(query)]


@dataclass(frozen=True)
class _Rows:
    """The rows of a list, one for each of its people, as `Person` has them."""

    query: Select[*tuple[Any, ...]]
    address: SQLColumnExpression[str]
    name: SQLColumnExpression[str]


def _searched(
    db: Session, rows: _Rows, look: Callable[..., list[str]], after: str, limit: int
) -> list[Person]:
    people: list[Person] = []
    while len(people) < limit:
        addresses = look(after=after)
        known = {row[0]: row for row in db.execute(rows.query.where(rows.address.in_(addresses)))}
        people += [Person(*known[each]) for each in addresses if each in known]
        if len(addresses) < limit:
            break
        after = addresses[-1]
    return people[:limit]


def _inactive(db: Session, import_id: int, search: str, after: str, limit: int) -> list[Person]:
    """Who has inactive lines alone, whatever becomes of those: they are packed for that.

    Of an import that an earlier version checked only those whose lines change are known.
    """
    lines = searching.find_lines(db, import_id, OUT, search, after=after, limit=limit)
    query = select(RosterChange.address, RosterChange.change, RosterChange.lost).where(
        RosterChange.import_id == import_id, RosterChange.address.in_([line[0] for line in lines])
    )
    changes = {address: (change, lost) for address, change, lost in db.execute(query)}
    return [
        Person(address, name, change, lost=lost)
        for address, _lower, name in lines
        for change, lost in [changes.get(address, (UNCHANGED, ""))]
    ]


def _changing(import_id: int, kind: str) -> _Rows:
    query = select(
        RosterChange.address, RosterChange.last_name, RosterChange.change,
        RosterChange.gained, RosterChange.lost, RosterChange.back,
    ).where(RosterChange.import_id == import_id, _of_kind(kind))  # fmt: skip
    return _Rows(query, RosterChange.address, RosterChange.last_name)


def _of_kind(kind: str) -> ColumnElement[bool]:
    # Each of the three flags has an index of its own.
    if kind == "back":
        return and_(RosterChange.change == Change.ADDED.value, RosterChange.back)
    if kind == "losing_program":
        losing = [Change.CHANGED.value, Change.REMOVED.value]
        return and_(RosterChange.change.in_(losing), RosterChange.loses_program)
    if kind == "losing_session":
        return and_(RosterChange.change == Change.REMOVED.value, RosterChange.loses_session)
    meant = RosterChange.change == Change(kind).value
    if kind == Change.ADDED.value:
        return meant
    # The literal says to the database that its index of all others holds these.
    return and_(RosterChange.change != literal_column(f"'{Change.ADDED.value}'"), meant)


def _has(search: str, *columns: Any) -> ColumnElement[bool]:
    part = search.strip().replace("\0", "")
    # SQLite knows the upper case of ASCII letters alone.
    spelt = {part} if part.isascii() else {part, part.lower(), part.upper(), part.title()}
    return or_(*(each.icontains(one, autoescape=True) for each in columns for one in spelt))


def knows_unchanged(db: Session, found: RosterImport) -> bool:
    """Whether the list in force has them; of an older import, or one beside an older list, it
    says nothing any more."""
    waiting = found.state in {each.value for each in ledger.WAITING}
    return ledger.in_force(db) == (found.compared_with if waiting else found.id)


def _unchanged(import_id: int, kind: str) -> _Rows:
    changing = exists().where(
        RosterChange.import_id == import_id, RosterChange.address == RosterLine.address
    )
    query = (
        select(RosterLine.address, func.max(RosterLine.last_name), literal(kind))
        .where(RosterLine.active.is_(True), ~changing)
        .group_by(RosterLine.address)
    )
    return _Rows(query, RosterLine.address, RosterLine.last_name)


def _edited(import_id: int, _kind: str) -> _Rows:
    """Whose edits by hand stay, or gave way: who of them does not change goes by their account."""
    name = func.coalesce(RosterChange.last_name, User.last_name)
    query = (
        select(
            RosterEdit.address, name, func.coalesce(RosterChange.change, UNCHANGED),
            func.coalesce(RosterChange.gained, ""), func.coalesce(RosterChange.lost, ""),
        )
        .join(User, User.id == RosterEdit.user_id)
        .outerjoin(
            RosterChange,
            (RosterChange.import_id == RosterEdit.import_id)
            & (RosterChange.address == RosterEdit.address),
        )
        .where(RosterEdit.import_id == import_id)
    )  # fmt: skip
    return _Rows(query, RosterEdit.address, name)


def changes_anything(db: Session, import_id: int) -> bool:
    """Whether applying the import would change a line of anybody, or what was set by hand."""
    upload = ledger.get(db, import_id)
    undone = ledger.get(db, upload.undoes) if upload.undoes else None
    if (upload.file_wins and upload.yielding) or (undone and undone.yielded):
        return True
    found = select(RosterChange.address).where(RosterChange.import_id == import_id).limit(1)
    return db.scalar(found) is not None


@dataclass(frozen=True)
class Fields:
    """What differs in the lines of somebody: column, the values of before, the values of after."""

    column: str
    before: list[str]
    after: list[str]


def changed_fields(db: Session, import_id: int, addresses: list[str]) -> dict[str, list[Fields]]:
    """Which fields of these people differ between the list in force and a waiting import."""
    names = ("user_code", "last_name", "email", "status", "class_name", "date")
    values: dict[str, dict[str, tuple[set[str], set[str]]]] = {}
    for table, side in ((RosterLine, 0), (StagedLine, 1)):
        columns = [getattr(table, name) for name in names]
        query = select(table.address, *columns).where(table.address.in_(addresses))
        if table is StagedLine:
            query = query.where(StagedLine.import_id == import_id)
        for address, *cells in db.execute(query):
            known = values.setdefault(address, {name: (set(), set()) for name in names})
            for name, cell in zip(names, cells, strict=True):
                known[name][side].add(cell)
    return {
        address: [
            Fields(name, sorted(before - after), sorted(after - before))
            for name, (before, after) in known.items()
            if before != after
        ]
        for address, known in values.items()
    }

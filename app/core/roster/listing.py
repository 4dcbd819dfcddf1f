"""The people behind the numbers of an import, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, or_, select
from sqlalchemy.orm import Session

from app.core.roster import ledger
from app.models.edits import RosterEdit
from app.models.people import User
from app.models.rosters import (
    Change,
    RosterChange,
    RosterImport,
    RosterLine,
    StagedLine,
)

UNCHANGED = "unchanged"
KINDS = (
    "added", "back", "changed", "removed", UNCHANGED, "inactive", "losing_program",
    "losing_session", "edited",
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
    the import is not applied, or is the one in force. Raises `NotFound`.
    """
    found = ledger.get(db, import_id)
    if kind == UNCHANGED:
        return _unchanged(db, found, search, after, limit)
    if kind == "edited":
        return _edited(db, import_id, search, after, limit)
    query = (
        select(
            RosterChange.address, RosterChange.last_name, RosterChange.change,
            RosterChange.gained, RosterChange.lost, RosterChange.back,
        )
        .where(RosterChange.import_id == import_id, _of_kind(kind))
        .order_by(RosterChange.address)
        .limit(limit)
    )  # fmt: skip
    if after is not None:
        query = query.where(RosterChange.address > after[1])
    if search.strip():
        query = query.where(_has(search, RosterChange.last_name, RosterChange.address))
    return [Person(*row) for row in db.execute(query)]


def _of_kind(kind: str) -> ColumnElement[bool]:
    if kind == "back":
        return and_(RosterChange.change == Change.ADDED.value, RosterChange.back)
    # The literal says to the database that its index of all others holds these.
    others = RosterChange.change != literal_column(f"'{Change.ADDED.value}'")
    if kind == "losing_program":
        losing = [Change.CHANGED.value, Change.REMOVED.value]
        return and_(others, RosterChange.change.in_(losing), RosterChange.loses_program)
    if kind == "losing_session":
        removed = RosterChange.change == Change.REMOVED.value
        return and_(others, removed, RosterChange.loses_session)
    meant = RosterChange.change == Change(kind).value
    return meant if kind == Change.ADDED.value else and_(others, meant)


def _has(search: str, *columns: Any) -> ColumnElement[bool]:
    part = search.strip().replace("\0", "")
    # SQLite knows the upper case of ASCII letters alone.
    spelt = {part} if part.isascii() else {part, part.lower(), part.upper(), part.title()}
    return or_(*(each.icontains(one, autoescape=True) for each in columns for one in spelt))


def _unchanged(
    db: Session, found: RosterImport, search: str, after: Place | None, limit: int
) -> list[Person]:
    # The list in force has them; of an older import it says nothing any more.
    waiting = found.state in {each.value for each in ledger.WAITING}
    if not waiting and ledger.in_force(db) != found.id:
        return []
    changing = exists().where(
        RosterChange.import_id == found.id, RosterChange.address == RosterLine.address
    )
    name = func.max(RosterLine.last_name)
    query = (
        select(RosterLine.address, name)
        .where(RosterLine.active.is_(True), ~changing)
        .group_by(RosterLine.address)
        .order_by(RosterLine.address)
        .limit(limit)
    )
    if after is not None:
        query = query.where(RosterLine.address > after[1])
    if search.strip():
        query = query.where(_has(search, RosterLine.last_name, RosterLine.address))
    return [Person(address, last_name, UNCHANGED) for address, last_name in db.execute(query)]


def _edited(
    db: Session, import_id: int, search: str, after: Place | None, limit: int
) -> list[Person]:
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
        .order_by(RosterEdit.address)
        .limit(limit)
    )  # fmt: skip
    if after is not None:
        query = query.where(RosterEdit.address > after[1])
    if search.strip():
        query = query.where(_has(search, name, RosterEdit.address))
    return [Person(*row) for row in db.execute(query)]


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

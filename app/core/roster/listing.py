"""The people and problem lines behind the numbers of an import, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, or_, select, tuple_
from sqlalchemy.orm import Session

from app.core import sheets
from app.core.roster import ledger
from app.core.roster.columns import COLUMNS
from app.core.roster.uploads import PROBLEM_COLUMNS
from app.core.sheets import BATCH
from app.models.rosters import (
    Change,
    RosterChange,
    RosterImport,
    RosterLine,
    RosterProblem,
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
    if kind == "edited":
        return and_(others, RosterChange.edited)
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


def changes_anything(db: Session, import_id: int) -> bool:
    """Whether applying the import would change a line of anybody."""
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


def list_problems(
    db: Session,
    import_id: int,
    *,
    remarks: bool = False,
    reason: str | None = None,
    after: tuple[int, int] | None = None,
    limit: int = 50,
) -> list[RosterProblem]:
    """Problem lines, or remarks about good ones, `after` (line, id) of the last one seen."""
    query = (
        select(RosterProblem)
        .where(RosterProblem.import_id == import_id, RosterProblem.is_remark.is_(remarks))
        .order_by(RosterProblem.line, RosterProblem.id)
        .limit(limit)
    )
    if reason is not None:
        query = query.where(RosterProblem.reason == reason)
    if after is not None:
        query = query.where(tuple_(RosterProblem.line, RosterProblem.id) > after)
    return list(db.scalars(query))


@dataclass(frozen=True)
class Group:
    """Problem lines that the same thing mends; `line` is the first of them."""

    column: str
    reason: str
    count: int
    line: int


def problem_groups(
    db: Session, import_id: int, *, remarks: bool = False, limit: int = 50
) -> list[Group]:
    """The problem lines of an import by column and reason, the most frequent first."""
    count = func.count()
    query = (
        select(RosterProblem.column, RosterProblem.reason, count, func.min(RosterProblem.line))
        .where(RosterProblem.import_id == import_id, RosterProblem.is_remark.is_(remarks))
        .group_by(RosterProblem.column, RosterProblem.reason)
        .order_by(count.desc(), func.min(RosterProblem.line))
        .limit(limit)
    )
    return [Group(*row) for row in db.execute(query)]


def write_problems(db: Session, import_id: int) -> Iterator[str]:
    """The problem lines as a CSV file in pieces: their own cells, then line and problem.

    To be mended and uploaded again: the two columns are ignored then, and such a file only adds.
    A line that was too long to keep has empty cells.
    """
    found = ledger.get(db, import_id)
    header = [each["name"] for each in found.columns or []]
    if not any(header):
        header = list(COLUMNS)
    return sheets.write_csv([*header, *PROBLEM_COLUMNS], _problem_rows(db, import_id, len(header)))


def _problem_rows(db: Session, import_id: int, width: int) -> Iterator[list[Any]]:
    # The query begins with the first row that is wanted, so that it may be read while it is sent.
    query = (
        select(RosterProblem.line, RosterProblem.reason, RosterProblem.cells)
        .where(RosterProblem.import_id == import_id, RosterProblem.is_remark.is_(False))
        .order_by(RosterProblem.line, RosterProblem.id)
        .execution_options(yield_per=BATCH)
    )
    for line, reason, cells in db.execute(query):
        yield [*_fitted(cells or [], width), line, reason]


def _fitted(cells: list[str], width: int) -> list[str]:
    """As many cells as the header has names; what is too much stays in the last one."""
    if len(cells) > width:
        return [*cells[: width - 1], ",".join(cells[width - 1 :])]
    return [*cells, *[""] * (width - len(cells))]

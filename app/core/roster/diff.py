"""What a checked file would change, person by person, found by statements over sets."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    and_,
    case,
    delete,
    except_,
    exists,
    func,
    insert,
    literal,
    select,
    union,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.errors import N_
from app.models.rosters import (
    Change,
    RosterChange,
    RosterImport,
    RosterLine,
    RosterProblem,
    StagedLine,
)

TWO_NAMES = N_("This address stands with two last names; neither is applied.")

CONTENT = [
    "address", "user_code", "last_name", "email", "status", "class_name", "date", "lo_root_id",
]  # fmt: skip
"""The columns that make two lines the same."""


def compare(db: Session, started: RosterImport) -> None:
    """Take out the lines that contradict each other, and write `roster_changes` and the counts."""
    _refuse_two_names(db, started.id)
    _write_changes(db, started.id)
    _write_ids(db, started.id)
    _count(db, started)


def _refuse_two_names(db: Session, import_id: int) -> None:
    contradicting = (
        select(StagedLine.address)
        .where(StagedLine.import_id == import_id)
        .group_by(StagedLine.address)
        .having(func.min(StagedLine.surname_key) != func.max(StagedLine.surname_key))
    )
    lines = (
        select(
            literal(import_id), StagedLine.line, literal("last_name"), literal(TWO_NAMES),
            StagedLine.address, literal(False),
        )
        .where(StagedLine.import_id == import_id, StagedLine.address.in_(contradicting))
        .distinct()
    )  # fmt: skip
    columns = ["import_id", "line", "column", "reason", "address", "is_remark"]
    db.execute(insert(RosterProblem).from_select(columns, lines))
    db.execute(
        delete(StagedLine)
        .where(StagedLine.import_id == import_id, StagedLine.address.in_(contradicting))
        .execution_options(synchronize_session=False)
    )


def _write_changes(db: Session, import_id: int) -> None:
    """One row for everybody whose lines differ, by who may enter before and after."""
    differing = _differing(import_id).subquery()
    before = _is_active(RosterLine, differing.c.address)
    after = _is_active(StagedLine, differing.c.address, StagedLine.import_id == import_id)
    change = case(
        (and_(before, after), Change.CHANGED.value),
        (after, Change.ADDED.value),
        (before, Change.REMOVED.value),
        else_=Change.INACTIVE.value,
    )
    new_name = (
        select(func.max(StagedLine.last_name))
        .where(StagedLine.import_id == import_id, StagedLine.address == differing.c.address)
        .scalar_subquery()
    )
    old_name = (
        select(func.max(RosterLine.last_name))
        .where(RosterLine.address == differing.c.address)
        .scalar_subquery()
    )
    empty = literal("", String)
    rows = select(
        literal(import_id), differing.c.address, change, func.coalesce(new_name, old_name),
        empty, empty,
    )  # fmt: skip
    columns = ["import_id", "address", "change", "last_name", "gained", "lost"]
    db.execute(insert(RosterChange).from_select(columns, rows))


def _differing(import_id: int) -> CompoundSelect[Any]:
    """The addresses whose lines are not the same on both sides, but for those that are kept."""
    staged = select(*(getattr(StagedLine, name) for name in CONTENT)).where(
        StagedLine.import_id == import_id
    )
    listed = select(*(getattr(RosterLine, name) for name in CONTENT))
    came = select(except_(staged, listed).subquery().c.address)
    went = select(except_(listed, staged).subquery().c.address)
    return except_(
        select(union(came, went).subquery().c.address),
        select(_kept(import_id).subquery().c.address),
    )


def _kept(import_id: int) -> CompoundSelect[Any]:
    # A person all of whose lines are problems stays as they were: a typing mistake takes
    # nobody's access away.
    return except_(
        select(RosterProblem.address).where(
            RosterProblem.import_id == import_id,
            RosterProblem.is_remark.is_(False),
            RosterProblem.address.is_not(None),
        ),
        select(StagedLine.address).where(StagedLine.import_id == import_id),
    )


def _is_active(
    table: type[RosterLine | StagedLine], address: ColumnElement[str], *more: ColumnElement[bool]
) -> ColumnElement[bool]:
    return exists().where(table.address == address, table.active.is_(True), *more)


def _write_ids(db: Session, import_id: int) -> None:
    """Fill `gained` and `lost` with the LO Root IDs that one side grants and the other does not."""
    before = _granted(RosterLine, import_id)
    after = _granted(StagedLine, import_id, StagedLine.import_id == import_id)
    _join_ids(db, import_id, RosterChange.gained, except_(after, before))
    _join_ids(db, import_id, RosterChange.lost, except_(before, after))


def _granted(
    table: type[RosterLine | StagedLine], import_id: int, *more: ColumnElement[bool]
) -> Select[str, str]:
    """Who of those that change holds which LO Root ID by the active lines of `table`."""
    changing = select(RosterChange.address).where(RosterChange.import_id == import_id)
    return select(table.address, table.lo_root_id).where(
        table.address.in_(changing), table.active.is_(True), table.lo_root_id != "", *more
    )


def _join_ids(
    db: Session,
    import_id: int,
    target: InstrumentedAttribute[str],
    found: CompoundSelect[Any],
) -> None:
    each = found.subquery()
    joined = (
        select(each.c.address, func.aggregate_strings(each.c.lo_root_id, ";").label("ids"))
        .group_by(each.c.address)
        .subquery()
    )
    db.execute(
        update(RosterChange)
        .where(RosterChange.import_id == import_id, RosterChange.address == joined.c.address)
        .values({target: joined.c.ids})
        .execution_options(synchronize_session=False)
    )


def _count(db: Session, started: RosterImport) -> None:
    staged = (StagedLine.import_id == started.id,)
    people = select(func.count(func.distinct(StagedLine.address))).where(*staged)
    started.people = db.scalar(people) or 0
    active = db.scalar(people.where(StagedLine.active.is_(True))) or 0
    started.inactive = started.people - active
    counted = dict(
        db.execute(
            select(RosterChange.change, func.count())
            .where(RosterChange.import_id == started.id)
            .group_by(RosterChange.change)
        ).all()
    )
    started.added = counted.get(Change.ADDED.value, 0)
    started.removed = counted.get(Change.REMOVED.value, 0)
    started.changed = counted.get(Change.CHANGED.value, 0)
    started.unchanged = active - started.added - started.changed
    noted = dict(
        db.execute(
            select(RosterProblem.is_remark, func.count())
            .where(RosterProblem.import_id == started.id)
            .group_by(RosterProblem.is_remark)
        ).all()
    )
    started.problems = noted.get(False, 0)
    started.remarks = noted.get(True, 0)

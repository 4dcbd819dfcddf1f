"""Takes the last import back: a new import, whose lines are those that the last one took out."""

from __future__ import annotations

from sqlalchemy import Integer, cast, func, insert, literal, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import NothingToUndo
from app.core.roster import changes, diff, entitlements, ledger
from app.core.roster.diff import Differences
from app.core.roster.plain import ROW_COLUMNS
from app.core.roster.reading import ACTIVE_BITS
from app.models.rosters import (
    Change,
    FormerLine,
    ImportState,
    Mode,
    RosterChange,
    RosterImport,
    StagedLine,
)

BATCH = 5000


def begin(db: Session, import_id: int, *, by: int | None) -> RosterImport:
    """Make the import that takes another one back; it is still to be checked.

    Raises `NotFound`, and `NothingToUndo` for all but the one that made the list in force.
    """
    last = ledger.get(db, import_id)
    # Before it kept what it took out, an import did not count the list that it made either.
    if ledger.in_force(db) != last.id or last.people_after is None:
        raise NothingToUndo
    former = ledger.get(db, last.compared_with) if last.compared_with else None
    was_file = former is not None and former.mode == Mode.REPLACE.value
    made = RosterImport(
        state=ImportState.CHECKING.value,
        file_name=former.file_name if former else "",
        mode=Mode.REPLACE.value,
        # The very file that made the former list is then the list in force once more.
        sha256=former.sha256 if former and was_file else "",
        encoding=former.encoding if former else "utf-8",
        delimiter=former.delimiter if former else ",",
        headed=former.headed if former else False,
        created_at=clock.now(),
        created_by=by,
        undoes=last.id,
    )
    db.add(made)
    db.flush()
    return made


def compare(db: Session, made: RosterImport) -> Differences:
    """Stage the lines of before and compare them with those of now, among who was touched.

    Raises `NothingToUndo` where another import came in between.
    """
    entitlements.hold_list(db)
    made.compared_with = ledger.in_force(db)
    last = ledger.get(db, made.undoes or 0)
    if made.compared_with != last.id:
        raise NothingToUndo
    columns = [getattr(FormerLine, name) for name in ROW_COLUMNS]
    db.execute(
        insert(StagedLine).from_select(
            [*ROW_COLUMNS, "import_id"],
            select(*columns, literal(made.id)).where(FormerLine.import_id == last.id),
        )
    )
    people, names = _people(db, made)
    touched = select(RosterChange.address).where(RosterChange.import_id == last.id)
    found = diff.replace(people, diff.in_force(db, touched), set())
    gained = _gained(db, made.id, found)
    changes.write(db, made.id, found, names, gained)
    made.people = len(names)
    found.before = last.people_after or 0
    found.unchanged = found.before - found.count(Change.REMOVED) - found.count(Change.CHANGED)
    return found


def _people(db: Session, made: RosterImport) -> tuple[dict[str, int], dict[str, str]]:
    """Who stood on the former list, as a reading of a file has them; and their names."""
    active = func.sum(cast(StagedLine.active, Integer))
    name = func.max(StagedLine.last_name)
    query = select(StagedLine.address, func.sum(StagedLine.mark), active, name)
    query = query.where(StagedLine.import_id == made.id).group_by(StagedLine.address)
    people: dict[str, int] = {}
    names: dict[str, str] = {}
    for rows in db.execute(query.execution_options(yield_per=BATCH)).partitions():
        for address, total, count, last_name in rows:
            people[address] = int(total or 0) << ACTIVE_BITS | int(count or 0)
            names[address] = last_name
            made.inactive += not count
    return people, names


def _gained(db: Session, import_id: int, found: Differences) -> dict[str, str]:
    """The LO Root IDs of those who come back."""
    query = (
        select(StagedLine.address, StagedLine.lo_root_id)
        .where(
            StagedLine.import_id == import_id,
            StagedLine.active.is_(True),
            StagedLine.lo_root_id != "",
        )
        .distinct()
        .execution_options(yield_per=BATCH)
    )
    gained: dict[str, str] = {}
    for rows in db.execute(query).partitions():
        for address, lo_root_id in rows:
            if found.new.get(address) is Change.ADDED:
                known = gained.get(address)
                gained[address] = f"{known};{lo_root_id}" if known else lo_root_id
    return gained

"""Checks a list: reads it aside, compares it with the list in force, and writes what would change.

Nobody's access moves. Reading takes longest and holds no transaction; all that is written is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.errors import ListRefused, NobodyReadable
from app.core.roster import (
    changes,
    diff,
    entitlements,
    files,
    keeping,
    ledger,
    losses,
    mapping,
    pairing,
    planner,
    searchable,
    sources,
    starting,
    undoing,
    uploads,
)
from app.core.roster.diff import Differences
from app.core.roster.files import RosterFile
from app.core.roster.holding import HoldLimits, hold_rules
from app.core.roster.reading import Reading, read_aside
from app.core.roster.undisturbed import undisturbed
from app.models.rosters import (
    Change,
    ImportState,
    Mode,
    RosterChange,
    RosterImport,
    RosterProblem,
    StagedLine,
)


def check(
    db: Session,
    stream: BinaryIO,
    *,
    file_name: str,
    encoding: str | None,
    by: int | None,
    origin: Origin,
    mode: str | None = None,
    limits: HoldLimits | None = None,
    asked: Mapping[str, str] | None = None,
    wait: Callable[[Session], None] | None = None,
) -> RosterImport:
    """Check a file at once, here; the list in force stays as it is. The caller commits.

    `encoding` is None for the fixed ladder, or `cp1252`; without `mode` a file replaces the list,
    but for one of problem lines; without `limits` nothing is held. `asked` names columns of the
    file for ours, and `wait` is called before what another import makes wait. Raises `FileRefused`
    for a file that cannot be read, `ListRefused` for one without a person to let in, and
    `ColumnUnknown` where `asked` does not fit.
    """
    marks, known = ledger.in_force(db) is not None, mapping.recent(db)
    db.rollback()  # No transaction waits for a file to be read.

    def find(first: list[str]) -> dict[str, int] | None:
        return mapping.named(first, asked) if asked else mapping.of_first_line(known, first)

    with sources.readable(stream) as (data, digest), TemporaryFile() as spool, undisturbed():
        file = files.open_file(data, encoding=encoding, find=find)
        reading = read_aside(file, spool, marks=marks)
        adds = mode == Mode.ADD.value or (mode is None and uploads.only_adds(file.first))
        started = RosterImport(
            state=ImportState.CHECKED.value,
            file_name=uploads.readable(file_name),
            mode=(Mode.ADD if adds else Mode.REPLACE).value,
            sha256=digest or file.sha256,
            encoding=file.encoding,
            delimiter=file.delimiter,
            headed=file.headed,
            columns=_columns(file),
            mapping=dict(file.mapping) if file.mapping else None,
            created_at=clock.now(),
            created_by=by,
        )
        if wait:
            wait(db)
        db.add(started)
        db.flush()
        compare(db, started, reading, limits)
    record(db, started, origin, by)
    return started


def _columns(file: RosterFile) -> list[dict[str, Any]]:
    """The columns as the row of an import keeps them; a file of the seven has none to keep."""
    names = file.first if file.headed else [""] * len(file.first) if file.mapping else []
    return [{"name": name.strip()[:200], "values": []} for name in names]


def compare(
    db: Session,
    found: RosterImport,
    reading: Reading,
    limits: HoldLimits | None,
) -> None:
    """Write what was read and what it would change, in the transaction of the caller."""
    entitlements.hold_list(db)
    found.compared_with = ledger.in_force(db)
    found.lines, found.sample = reading.lines, reading.sample or found.sample
    people = reading.people
    found.people = people.height
    diff.mark_lines(db)
    adds = found.mode == Mode.ADD.value
    differences = _differences(db, reading, adds=adds)
    nobody_active = found.people == differences.inactive.height
    if not found.people or (nobody_active and not differences.before):
        raise _nobody(reading)
    changes.stage(db, found.id, reading, differences)
    changes.write_notes(db, found.id, reading.notes)
    if adds:
        changes.drop_what_is_there(db, found.id, differences)
    changes.write(db, found.id, differences)
    hold(db, found, differences, limits, people)


def _differences(db: Session, reading: Reading, *, adds: bool) -> Differences:
    listed = diff.in_force(db)
    if adds:
        return diff.add(reading.people, listed)
    return diff.replace(reading.people, listed, reading.kept)


def hold(
    db: Session,
    found: RosterImport,
    differences: Differences,
    limits: HoldLimits | None,
    people: pl.DataFrame | None = None,
) -> None:
    """Write the counts, and hold the import where a rule says so.

    `people` are those whom its file names; None for an import without a file.
    """
    planner.tell(db, differences.known.height, StagedLine, RosterChange)
    losses.complete(db, found, differences)
    searchable.write(db, found, differences)
    keeping.find(db, found, differences, people)
    found.file_wins = False
    found.people_before = differences.before
    found.inactive = differences.inactive.height
    found.added = differences.count(Change.ADDED)
    found.removed = differences.count(Change.REMOVED)
    found.changed = differences.count(Change.CHANGED)
    found.unchanged = differences.before - found.removed - found.changed
    pairing.find(db, found, differences)
    counts = select(
        func.count().filter(RosterProblem.is_remark.is_(False)),
        func.count().filter(RosterProblem.is_remark.is_(True)),
    )
    row = db.execute(counts.where(RosterProblem.import_id == found.id)).one()
    found.problems, found.remarks = row
    found.asked_at = found.asked_by = found.confirmed_by = None
    found.held = hold_rules(db, found, limits) if limits else []
    if found.held:
        db.flush()
        ledger.move(db, found, [ImportState.CHECKED], ImportState.HELD)


def _nobody(reading: Reading) -> ListRefused:
    problems = sorted(note for note in reading.notes if not note[4])
    if not problems:
        return ListRefused()
    return NobodyReadable(count=len(problems), line=problems[0][0], reason=problems[0][2])


def record(db: Session, found: RosterImport, origin: Origin, by: int | None) -> None:
    audit.record(
        db,
        Event.ROSTER_CHECKED,
        origin,
        actor_id=by,
        import_id=found.id,
        sha256=found.sha256,
        held=", ".join(found.held or []),
    )


def check_undo(
    db: Session, import_id: int, *, by: int | None, origin: Origin, limits: HoldLimits
) -> RosterImport:
    """Check here and now what taking the last import back would change. The caller commits.

    Raises `NotFound`, and `NothingToUndo` for all but the import that made the list in force.
    """
    made = starting.begin_undo(db, import_id, by=by)
    ledger.move(db, made, [ImportState.CHECKING], ImportState.CHECKED)
    hold(db, made, undoing.compare(db, made), limits)
    record(db, made, origin, by)
    return made

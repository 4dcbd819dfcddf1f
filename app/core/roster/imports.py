"""The list in force, and the imports that replace it: checked first, applied whole or not at all.

Checking stages the lines, compares people, and writes what would change; nobody's access moves.
Applying is one transaction that follows just those changes. Everything is statements over sets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, cast

from sqlalchemy import CursorResult, delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.core import audit, clock, outbox
from app.core.audit import Event, Origin
from app.core.errors import N_, ImportSettled, ListChanged, ListRefused, NotFound
from app.core.outbox import Kind
from app.core.people import users
from app.core.roster import diff, entitlements, files
from app.models.people import User
from app.models.rosters import (
    Change,
    ImportState,
    ListInForce,
    RosterChange,
    RosterImport,
    RosterLine,
    RosterProblem,
    StagedLine,
)

BATCH = 5000
"""Lines that are written at once."""

LEFT_LYING = timedelta(days=7)
"""How long a checked import waits to be applied."""

LAST_ID = 2**31 - 1
"""The greatest id that the databases store."""

LINE_COLUMNS = [
    "line", "user_code", "last_name", "surname_key", "email", "address",
    "status", "active", "class_name", "date", "lo_root_id",
]  # fmt: skip


class NobodyReadable(ListRefused):
    """A roster without an active person that has problem lines; the first one is named."""

    words = N_(
        "This list has no active person in it. The list in force stays as it was."
        " Problem lines: %(count)s, the first is line %(line)s. %(reason)s"
    )


def check(
    db: Session,
    stream: BinaryIO,
    *,
    file_name: str,
    encoding: str | None,
    by: int | None,
    origin: Origin,
) -> RosterImport:
    """Read a file and write what it would change; the list in force stays as it is.

    `encoding` is None for the fixed ladder, or `cp1252`. Raises `FileRefused` for a file that
    cannot be read and `ListRefused` for one without an active person. The caller commits.
    """
    compared_with = in_force(db)
    db.rollback()  # No transaction waits for a file to be read.
    file = files.open_file(stream, encoding=encoding)
    with TemporaryFile() as aside:
        read = _set_aside(file, aside)
        started = RosterImport(
            state=ImportState.CHECKED.value,
            file_name=_readable(file_name)[:255],
            sha256=file.sha256,
            encoding=file.encoding,
            delimiter=file.delimiter,
            headed=file.headed,
            sample=read.sample,
            lines=read.lines,
            created_at=clock.now(),
            created_by=by,
            compared_with=compared_with,
        )
        db.add(started)
        db.flush()  # The staged lines name their import.
        _stage(db, started.id, aside)
    diff.compare(db, started)
    if started.people == started.inactive:
        raise _nobody_active(db, started)
    audit.record(
        db, Event.ROSTER_CHECKED, origin, actor_id=by, import_id=started.id, sha256=file.sha256
    )
    return started


def apply(db: Session, import_id: int, *, by: int | None, origin: Origin) -> RosterImport:
    """Make a checked import the list in force, without its problem lines. The caller commits.

    Raises `NotFound`, `ImportSettled`, or `ListChanged` where another import was applied since
    the check.
    """
    found = get(db, import_id)
    _claim(db, found, by)
    touched = select(RosterChange.address).where(RosterChange.import_id == found.id)
    db.execute(
        delete(RosterLine)
        .where(RosterLine.address.in_(touched))
        .execution_options(synchronize_session=False)
    )
    fresh = select(*(getattr(StagedLine, name) for name in LINE_COLUMNS), StagedLine.import_id)
    db.execute(
        insert(RosterLine).from_select(
            [*LINE_COLUMNS, "import_id"],
            fresh.where(StagedLine.import_id == found.id, StagedLine.address.in_(touched)),
        )
    )
    db.execute(delete(StagedLine).where(StagedLine.import_id == found.id))
    entitlements.follow_list(db, User.address.in_(touched))
    _tell_removed(db, found)
    audit.record(
        db,
        Event.ROSTER_APPLIED,
        origin,
        actor_id=by,
        import_id=found.id,
        added=found.added,
        removed=found.removed,
        changed=found.changed,
    )
    return found


def discard(db: Session, import_id: int, *, by: int | None, origin: Origin) -> None:
    """Put a checked import aside; the list in force stays. The caller commits."""
    found = get(db, import_id)
    _settle(db, found, ImportState.DISCARDED)
    db.execute(delete(StagedLine).where(StagedLine.import_id == found.id))
    audit.record(db, Event.ROSTER_DISCARDED, origin, actor_id=by, import_id=found.id)


def get(db: Session, import_id: int) -> RosterImport:
    """The import of this id. Raises `NotFound`."""
    # A number beyond the column's range is an error of the database, and no import has it.
    found = db.get(RosterImport, import_id) if import_id <= LAST_ID else None
    if found is None:
        raise NotFound
    return found


def in_force(db: Session) -> int | None:
    """The id of the import that made the list in force; None if there is no list."""
    return db.scalar(select(ListInForce.import_id))


def history(db: Session, *, limit: int = 20) -> list[RosterImport]:
    """The latest imports, newest first."""
    return list(db.scalars(select(RosterImport).order_by(RosterImport.id.desc()).limit(limit)))


def count_in_force(db: Session) -> tuple[int, int]:
    """How many people the list in force lets in, and how many lines it has."""
    people = db.scalar(
        select(func.count(func.distinct(RosterLine.address))).where(RosterLine.active.is_(True))
    )
    # A line with several LO Root IDs is several rows of one number and import.
    lines = select(RosterLine.import_id, RosterLine.line).distinct().subquery()
    return people or 0, db.scalar(select(func.count()).select_from(lines)) or 0


def problems_of(
    db: Session, import_id: int, *, remarks: bool = False, limit: int | None = None
) -> list[RosterProblem]:
    """The problem lines of an import, or the remarks about good ones, by line."""
    query = (
        select(RosterProblem)
        .where(RosterProblem.import_id == import_id, RosterProblem.is_remark.is_(remarks))
        .order_by(RosterProblem.line, RosterProblem.id)
    )
    return list(db.scalars(query.limit(limit) if limit else query))


def changes_of(
    db: Session, import_id: int, change: Change, *, limit: int | None = None
) -> list[RosterChange]:
    """The people to whom an import does `change`, by name."""
    query = (
        select(RosterChange)
        .where(RosterChange.import_id == import_id, RosterChange.change == change.value)
        .order_by(RosterChange.last_name, RosterChange.address)
    )
    return list(db.scalars(query.limit(limit) if limit else query))


@dataclass
class Read:
    """What was learned while a file was read: its lines, and a name with an accent, if any."""

    lines: int = 0
    sample: str | None = None


def _set_aside(file: files.RosterFile, aside: IO[bytes]) -> Read:
    """Read the whole file into `aside`, in batches of rows for the two staging tables.

    A database that has one writer at a time is not held up by the reading, which takes longest.
    """
    read = Read()
    rows = _rows(read, file)
    while batch := list(islice(rows, BATCH)):
        staged = [row for table, row in batch if table is StagedLine]
        noted = [row for table, row in batch if table is RosterProblem]
        aside.write(json.dumps([staged, noted]).encode() + b"\n")
    aside.seek(0)
    return read


def _stage(db: Session, import_id: int, aside: IO[bytes]) -> None:
    for batch in aside:
        staged, noted = json.loads(batch)
        for table, rows in ((StagedLine, staged), (RosterProblem, noted)):
            for row in rows:
                row["import_id"] = import_id
            if rows:
                db.execute(insert(table), rows)


def _rows(
    read: Read, file: files.RosterFile
) -> Iterator[tuple[type[StagedLine | RosterProblem], dict[str, Any]]]:
    for item in file:
        if isinstance(item, files.Line):
            read.lines += 1
            shared = item._asdict() | {"line": item.number}
            del shared["number"], shared["lo_root_ids"]
            if read.sample is None and not item.last_name.isascii():
                read.sample = item.last_name
            for lo_root_id in item.lo_root_ids or ("",):
                yield StagedLine, shared | {"lo_root_id": lo_root_id}
        else:
            is_remark = isinstance(item, files.Remark)
            read.lines += not is_remark
            yield (
                RosterProblem,
                {
                    "line": item.number,
                    "column": item.column,
                    "reason": item.reason,
                    "address": getattr(item, "address", None),
                    "is_remark": is_remark,
                },
            )


def _readable(file_name: str) -> str:
    # A system names files in bytes that need not be text, and a program may send any.
    return file_name.encode("utf-8", "replace").decode().replace("\0", "?")


def _nobody_active(db: Session, started: RosterImport) -> ListRefused:
    problems = problems_of(db, started.id, limit=1)
    if not problems:
        return ListRefused()
    first = problems[0]
    return NobodyReadable(count=started.problems, line=first.line, reason=first.reason)


def _claim(db: Session, found: RosterImport, by: int | None) -> None:
    _settle(db, found, ImportState.APPLIED)
    # Moving the one row of the list in force is what makes a second import wait, and lose.
    claimed = db.execute(
        update(ListInForce)
        .where(ListInForce.import_id.is_not_distinct_from(found.compared_with))
        .values(import_id=found.id)
    )
    if cast(CursorResult[Any], claimed).rowcount != 1:
        raise ListChanged
    found.applied_at = clock.now()
    found.applied_by = by


def _settle(db: Session, found: RosterImport, state: ImportState) -> None:
    settled = db.execute(
        update(RosterImport)
        .where(RosterImport.id == found.id, RosterImport.state == ImportState.CHECKED.value)
        .values(state=state.value)
    )
    if cast(CursorResult[Any], settled).rowcount != 1:
        raise ImportSettled


def _tell_removed(db: Session, found: RosterImport) -> None:
    # Only people with an account who have no other right to be here are told.
    gone = (
        select(RosterChange.address, User.id, User.locale)
        .join(User, User.address == RosterChange.address)
        .where(
            RosterChange.import_id == found.id,
            RosterChange.change == Change.REMOVED.value,
            ~users.on_list(),
        )
    )
    people = [(address, user_id, locale) for address, user_id, locale in db.execute(gone)]
    outbox.queue_all(db, Kind.OFF_LIST, people)


def tidy(db: Session) -> None:
    """Put aside the imports that were checked and left lying, and drop their staged lines."""
    stale = clock.now() - LEFT_LYING
    db.execute(
        update(RosterImport)
        .where(RosterImport.state == ImportState.CHECKED.value, RosterImport.created_at < stale)
        .values(state=ImportState.DISCARDED.value)
        .execution_options(synchronize_session=False)
    )
    settled = select(RosterImport.id).where(RosterImport.state != ImportState.CHECKED.value)
    db.execute(
        delete(StagedLine)
        .where(StagedLine.import_id.in_(settled))
        .execution_options(synchronize_session=False)
    )

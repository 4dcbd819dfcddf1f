"""The rows of imports: finding them, moving them from state to state, and the list in force."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.core import audit, backlog
from app.core.audit import NOWHERE, Event, Origin
from app.core.backlog import JobKind
from app.core.errors import ImportFailed, ImportMovedOn, ImportSettled, NotFound, Refusal
from app.database import LAST_ID
from app.models.records import Job
from app.models.rosters import (
    ImportState,
    ListInForce,
    RosterImport,
    RosterLine,
    RosterUpload,
    StagedLine,
    StagedPart,
)

KEPT = 3
"""Applied imports of which the lines that they took out are kept."""

WAITING = (ImportState.CHECKED, ImportState.HELD)
"""States in which an import can be applied or put aside."""

WORK = {
    JobKind.ROSTER_APPLY.value: ImportState.APPLYING.value,
    JobKind.ROSTER_CHECK.value: ImportState.CHECKING.value,
}
"""The state in which an import waits for a job of each kind."""


def get(db: Session, import_id: int) -> RosterImport:
    """The import of this id, as it stands now. Raises `NotFound`."""
    # A number beyond the column's range is an error of the database, and no import has it.
    if not 0 < import_id <= LAST_ID:
        raise NotFound
    found = db.get(RosterImport, import_id, populate_existing=True)
    if found is None:
        raise NotFound
    return found


def in_force(db: Session) -> int | None:
    """The id of the import that made the list in force; None if there is no list."""
    return db.scalar(select(ListInForce.import_id))


def history(db: Session, *, before: int | None = None, limit: int = 20) -> list[RosterImport]:
    """The latest imports, newest first; `before` is the id of the last row already seen."""
    query = select(RosterImport).order_by(RosterImport.id.desc()).limit(limit)
    if before is not None:
        query = query.where(RosterImport.id < before)
    return list(db.scalars(query.execution_options(populate_existing=True)))


def count_in_force(db: Session) -> tuple[int, int]:
    """How many people the list in force lets in, and how many lines it has."""
    counts = select(RosterImport.people_after, RosterImport.lines_after)
    known = db.execute(counts.join(ListInForce, ListInForce.import_id == RosterImport.id)).first()
    if known and known[0] is not None and known[1] is not None:
        return known[0], known[1]
    return count_lines(db)


def count_lines(db: Session) -> tuple[int, int]:
    """The same, counted line by line."""
    people = db.scalar(
        select(func.count(func.distinct(RosterLine.address))).where(RosterLine.active.is_(True))
    )
    # A line with several LO Root IDs is several rows of one number and import.
    lines = select(RosterLine.import_id, RosterLine.line).distinct().subquery()
    return people or 0, db.scalar(select(func.count()).select_from(lines)) or 0


def move(
    db: Session, found: RosterImport, former: Collection[ImportState], state: ImportState
) -> None:
    """Move an import from one of the states `former`. Raises `ImportSettled` if it is in none.

    One conditional UPDATE: of several who settle the same import one wins.
    """
    moved = db.execute(
        update(RosterImport)
        .where(RosterImport.id == found.id, RosterImport.state.in_([each.value for each in former]))
        .values(state=state.value)
    )
    if cast(CursorResult[Any], moved).rowcount != 1:
        raise ImportSettled


def waits_for(found: RosterImport, job: Job) -> bool:
    """Whether an import waits for this very job to be done, or to be done once more."""
    return found.job_id == job.id and found.state == WORK.get(job.kind)


def of_job(db: Session, job: Job) -> RosterImport:
    """The import that waits for a job. Raises `NotFound`, and `ImportMovedOn` if it does not.

    What a job does to an import is committed with its own end, but for a failure: a worker that
    died between the two leaves a job that has only to say it, as `ImportFailed`.
    """
    found = get(db, job.facts["import_id"])
    if waits_for(found, job):
        return found
    if found.job_id == job.id and found.state == ImportState.FAILED.value and found.failure:
        raise ImportFailed(reason=found.failure)
    raise ImportMovedOn(number=found.id)


def discard(db: Session, import_id: int, *, by: int | None, origin: Origin) -> None:
    """Put an import aside that is not at work or settled; the list stays. The caller commits."""
    found = get(db, import_id)
    open_states = (*WAITING, ImportState.UPLOADED, ImportState.FAILED)
    move(db, found, open_states, ImportState.DISCARDED)
    drop_files(db, found.id)
    audit.record(db, Event.ROSTER_DISCARDED, origin, actor_id=by, import_id=found.id)


def drop_files(db: Session, import_id: int) -> None:
    """Drop what is kept only until an import is settled: its file and its staged lines."""
    for table in (StagedLine, StagedPart, RosterUpload):
        db.execute(
            delete(table)
            .where(table.import_id == import_id)
            .execution_options(synchronize_session=False)
        )


def leave(
    db: Session, import_id: int, working: ImportState, before: ImportState, error: Exception
) -> None:
    """Say of an import what ended its job, and commit; what the job wrote is rolled back.

    One that was stopped stands where it stood `before`. Where the job goes on elsewhere, or is
    tried again because the database was away, the import stays as it is.
    """
    db.rollback()
    if isinstance(error, backlog.Overtaken | OperationalError):
        return
    found = get(db, import_id)
    if isinstance(error, backlog.Stopped):
        move(db, found, [working], before)
    else:
        words = error.message if isinstance(error, Refusal) else type(error).__name__
        move(db, found, [working], ImportState.FAILED)
        found.failure = words
        audit.record(db, Event.ROSTER_FAILED, NOWHERE, import_id=import_id, reason=words)
    db.commit()

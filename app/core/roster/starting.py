"""Has the worker check an uploaded file, or what taking the last import back would change."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.core import audit, backlog, clock
from app.core.audit import Event, Origin
from app.core.backlog import JobKind
from app.core.errors import FileGone, NothingToUndo
from app.core.roster import files, ledger
from app.core.roster.columns import mapped
from app.models.records import Job
from app.models.rosters import ImportState, Mode, RosterImport, RosterUpload

AGAIN = (ImportState.UPLOADED, ImportState.CHECKED, ImportState.HELD, ImportState.FAILED)
"""States from which an import can be checked, for the first time or again."""


def start_check(
    db: Session,
    import_id: int,
    *,
    mapping: Mapping[str, int] | None,
    encoding: str | None,
    mode: str,
    by: int | None,
) -> Job:
    """Have the worker check an uploaded file, with what was said about it. The caller commits.

    Raises `NotFound`, `ImportSettled`, `FileGone`, and `FileRefused` for columns that cannot be.
    """
    found = ledger.get(db, import_id)
    if not db.scalar(select(exists().where(RosterUpload.import_id == import_id))):
        raise FileGone
    if mapping is not None:
        mapped(mapping, len(found.columns or []), headed=found.headed)
    if encoding is not None and encoding not in files.ENCODINGS:
        raise files.FileRefused(f"A roster cannot be read as “{encoding}”: utf-8 or cp1252.")
    ledger.move(db, found, AGAIN, ImportState.CHECKING)
    found.mapping = dict(mapping) if mapping is not None else found.mapping
    found.encoding = files.ENCODINGS[encoding] if encoding else found.encoding
    found.mode = Mode(mode).value
    found.failure = None
    return _send(db, found, by=by)


def _send(db: Session, found: RosterImport, *, by: int | None) -> Job:
    """Give an import that is `checking` to the worker."""
    job = backlog.add(db, JobKind.ROSTER_CHECK, by=by, import_id=found.id)
    found.job_id = job.id
    return job


def begin_undo(db: Session, import_id: int, *, by: int | None) -> RosterImport:
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


def start_undo(db: Session, import_id: int, *, by: int | None, origin: Origin) -> RosterImport:
    """Have the worker check what taking the last import back would change; the caller commits.

    It is an import like any other, which is then applied, held or put aside. Raises `NotFound`,
    and `NothingToUndo` for all but the import that made the list in force.
    """
    made = begin_undo(db, import_id, by=by)
    _send(db, made, by=by)
    audit.record(
        db, Event.ROSTER_UPLOADED, origin, actor_id=by, import_id=made.id, undoes=import_id
    )
    return made

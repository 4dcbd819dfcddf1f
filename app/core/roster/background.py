"""Checks an import in the worker, saying how far it is, and once more where a worker died."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from app.core import audit, backlog
from app.core.audit import NOWHERE, Event, Origin
from app.core.backlog import JobKind
from app.core.errors import FileGone
from app.core.roster import checking, files, ledger, sources, telling, undoing, uploads
from app.core.roster.columns import mapped
from app.core.roster.holding import HoldLimits
from app.core.roster.reading import read_aside
from app.core.roster.undisturbed import undisturbed
from app.models.records import Job
from app.models.rosters import (
    ImportState,
    Mode,
    RosterChange,
    RosterImport,
    RosterProblem,
    RosterUpload,
    StagedLine,
    StagedPart,
)

AGAIN = (ImportState.UPLOADED, ImportState.CHECKED, ImportState.HELD, ImportState.FAILED)
"""States from which an import can be checked, for the first time or again."""

BETWEEN_REPORTS = 0.5
"""Seconds."""


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


def check_in_background(db: Session, job: Job, limits: HoldLimits) -> dict[str, int]:
    """Check the import of a job, saying how far it is; the caller commits with the job's end.

    Until then nothing of it stands in the tables, so that a worker that dies leaves nothing half
    done. A refusal makes the import `failed`, and is raised again.
    """
    found = ledger.get(db, job.facts["import_id"])
    if found.state != ImportState.CHECKING.value:
        return {}
    try:
        if found.undoes is None:
            _check_file(db, job, found, limits)
        else:
            _begin(db, job, found)
            checking.hold(db, found, undoing.compare(db, found), limits)
    except Exception as error:
        ledger.leave(db, found.id, ImportState.CHECKING, ImportState.UPLOADED, error)
        raise
    if found.held:
        telling.tell_held(db, found)
    checking.record(db, found, NOWHERE, job.created_by)
    return {"added": found.added, "removed": found.removed, "changed": found.changed}


def _check_file(db: Session, job: Job, found: RosterImport, limits: HoldLimits) -> None:
    with (
        uploads.fetched(db, found.id) as data,
        sources.as_csv(data) as readable,
        TemporaryFile() as spool,
        undisturbed(),
    ):
        db.rollback()
        size = readable.seek(0, io.SEEK_END)
        readable.seek(0)
        file = files.open_file(
            cast(BinaryIO, readable),
            encoding=found.encoding,
            mapping=found.mapping,
            headed=found.headed,
        )
        told = 0.0

        def report(done: int, lines: int) -> None:
            nonlocal told
            if time.monotonic() - told > BETWEEN_REPORTS:
                told = time.monotonic()
                backlog.report(db, job, done=done, total=size, note="reading")

        reading = read_aside(file, spool, report)
        _begin(db, job, found)
        checking.compare(db, found, reading, limits)


def _begin(db: Session, job: Job, found: RosterImport) -> None:
    """Begin the one transaction of a check, without what an earlier check of it wrote."""
    backlog.report(db, job, note="comparing")
    ledger.move(db, found, [ImportState.CHECKING], ImportState.CHECKED)
    for table in (StagedLine, StagedPart, RosterChange, RosterProblem):
        db.execute(
            delete(table)
            .where(table.import_id == found.id)
            .execution_options(synchronize_session=False)
        )


def start_undo(db: Session, import_id: int, *, by: int | None, origin: Origin) -> RosterImport:
    """Have the worker check what taking the last import back would change; the caller commits.

    It is an import like any other, which is then applied, held or put aside. Raises `NotFound`,
    and `NothingToUndo` for all but the import that made the list in force.
    """
    made = undoing.begin(db, import_id, by=by)
    _send(db, made, by=by)
    audit.record(
        db, Event.ROSTER_UPLOADED, origin, actor_id=by, import_id=made.id, undoes=import_id
    )
    return made

"""Checks an import in the worker, saying how far it is, and once more where a worker died."""

from __future__ import annotations

import io
import time
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core import backlog
from app.core.audit import NOWHERE
from app.core.roster import checking, files, ledger, sources, telling, undoing, uploads
from app.core.roster.holding import HoldLimits
from app.core.roster.reading import read_aside
from app.core.roster.undisturbed import undisturbed
from app.models.edits import RosterEdit
from app.models.records import Job
from app.models.rosters import (
    ImportState,
    RosterChange,
    RosterImport,
    RosterPair,
    RosterProblem,
    SearchPart,
    StagedLine,
    StagedPart,
)

BETWEEN_REPORTS = 0.5
"""Seconds."""


def check_in_background(db: Session, job: Job, limits: HoldLimits) -> dict[str, int]:
    """Check the import of a job, saying how far it is; the caller commits with the job's end.

    Until then nothing of it stands in the tables, so that a worker that dies leaves nothing half
    done. A refusal makes the import `failed`, and is raised again. Raises what `ledger.of_job`
    raises where the import does not wait for it.
    """
    found = ledger.of_job(db, job)
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
        marks = ledger.in_force(db) is not None
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

        reading = read_aside(file, spool, marks=marks, report=report)
        _begin(db, job, found)
        checking.compare(db, found, reading, limits)


def _begin(db: Session, job: Job, found: RosterImport) -> None:
    """Begin the one transaction of a check, without what an earlier check of it wrote."""
    backlog.report(db, job, note="comparing")
    ledger.move(db, found, [ImportState.CHECKING], ImportState.CHECKED)
    written = (
        StagedLine, StagedPart, RosterChange, SearchPart, RosterEdit, RosterPair, RosterProblem,
    )  # fmt: skip
    for table in written:
        db.execute(
            delete(table)
            .where(table.import_id == found.id)
            .execution_options(synchronize_session=False)
        )

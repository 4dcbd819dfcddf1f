"""Puts imports aside that were left lying, and drops what nobody needs any more."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.roster.listing import UNCHANGED
from app.models.records import Job, JobState
from app.models.rosters import (
    ImportState,
    ListInForce,
    RosterImport,
    RosterUpload,
    SearchPart,
    StagedLine,
    StagedPart,
)

LEFT_LYING = timedelta(days=7)
"""How long an import waits to be applied."""

_QUIET = {"synchronize_session": False}


def tidy(db: Session) -> None:
    """Put aside what was left lying, fail what lost its job, and drop the files of both."""
    stale = clock.now() - LEFT_LYING
    waiting = [ImportState.UPLOADED, ImportState.CHECKED, ImportState.HELD, ImportState.FAILED]
    _move_all(
        db,
        RosterImport.state.in_([each.value for each in waiting])
        & (RosterImport.created_at < stale),
        ImportState.DISCARDED,
    )
    over = select(Job.id).where(Job.state.in_([JobState.FAILED.value, JobState.STOPPED.value]))
    _move_all(
        db,
        RosterImport.state.in_([ImportState.CHECKING.value, ImportState.APPLYING.value])
        & RosterImport.job_id.in_(over),
        ImportState.FAILED,
    )
    settled = [ImportState.APPLIED, ImportState.UNDONE, ImportState.DISCARDED]
    done = select(RosterImport.id).where(RosterImport.state.in_([s.value for s in settled]))
    for table in (StagedLine, StagedPart, RosterUpload):
        db.execute(delete(table).where(table.import_id.in_(done)), execution_options=_QUIET)
    # Who does not change is known of the import in force, and of those that wait.
    past = done.where(RosterImport.id.not_in(select(ListInForce.import_id)))
    unchanged = SearchPart.kind == UNCHANGED
    db.execute(
        delete(SearchPart).where(unchanged, SearchPart.import_id.in_(past)),
        execution_options=_QUIET,
    )


def _move_all(db: Session, which: ColumnElement[bool], state: ImportState) -> None:
    db.execute(
        update(RosterImport).where(which).values(state=state.value), execution_options=_QUIET
    )

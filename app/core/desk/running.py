"""Background work as admins see it: stopped and tried again, with an entry of who did so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit, backlog
from app.core.audit import Event, Origin
from app.core.errors import ImportMovedOn, JobNotOver, JobOver
from app.core.roster import ledger
from app.models.people import User
from app.models.records import Job, JobState
from app.models.rosters import RosterImport

AGAIN = (JobState.FAILED.value, JobState.STOPPED.value)
"""States of jobs that can be tried again."""


def stop(db: Session, job_id: int, *, by: int | None, origin: Origin) -> None:
    """Ask a job to end; what it has done stays. The caller commits.

    Raises `NotFound`, or `JobOver` where there is nothing to stop.
    """
    backlog.get(db, job_id)
    if not backlog.ask_to_stop(db, job_id):
        raise JobOver
    audit.record(db, Event.JOB_STOPPED, origin, actor_id=by, **so_far(db, job_id))


def retry(db: Session, job_id: int, *, by: int | None, origin: Origin) -> None:
    """Let a job that failed or was stopped wait once more. The caller commits.

    Raises `NotFound`, `JobNotOver`, or `ImportMovedOn` for a job that would find nothing to do.
    """
    job = backlog.get(db, job_id)
    if job.state in AGAIN and not may_retry(db, job):
        raise ImportMovedOn(number=job.facts.get("import_id"))
    if not backlog.try_again(db, job_id):
        raise JobNotOver
    audit.record(db, Event.JOB_RETRIED, origin, actor_id=by, **so_far(db, job_id))


def so_far(db: Session, job_id: int) -> dict[str, Any]:
    """What an entry about a job says: its kind and number, and how much it has done of how much."""
    job = backlog.get(db, job_id)
    return {"kind": job.kind, "job": job.id, "done": job.done, "total": job.total}


def may_retry(db: Session, job: Job) -> bool:
    """Whether a job is over without having been done, and would find something to do.

    One that failed with its import does not: the import is checked, or applied, once more.
    """
    if job.state not in AGAIN:
        return False
    if job.kind not in ledger.WORK:
        return True
    found = db.get(RosterImport, job.facts.get("import_id") or 0, populate_existing=True)
    return found is not None and ledger.waits_for(found, job)


def whose(db: Session, jobs: Iterable[Job]) -> dict[int, str]:
    """The addresses of those who asked for these jobs, by id, in one query."""
    ids = {job.created_by for job in jobs} - {None}
    return dict(db.execute(select(User.id, User.email).where(User.id.in_(ids))).all())

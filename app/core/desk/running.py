"""Background work as admins see it: stopped and tried again, with an entry of who did so."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit, backlog
from app.core.audit import Event, Origin
from app.core.errors import JobNotOver, JobOver
from app.models.people import User
from app.models.records import Job


def stop(db: Session, job_id: int, *, by: int | None, origin: Origin) -> None:
    """Ask a job to end; what it has done stays. The caller commits.

    Raises `NotFound`, or `JobOver` where there is nothing to stop.
    """
    job = backlog.get(db, job_id)
    if not backlog.ask_to_stop(db, job_id):
        raise JobOver
    audit.record(db, Event.JOB_STOPPED, origin, actor_id=by, kind=job.kind, job=job_id)


def retry(db: Session, job_id: int, *, by: int | None, origin: Origin) -> None:
    """Let a job that failed or was stopped wait once more. The caller commits.

    Raises `NotFound` or `JobNotOver`.
    """
    job = backlog.get(db, job_id)
    if not backlog.try_again(db, job_id):
        raise JobNotOver
    audit.record(db, Event.JOB_RETRIED, origin, actor_id=by, kind=job.kind, job=job_id)


def whose(db: Session, jobs: Iterable[Job]) -> dict[int, str]:
    """The addresses of those who asked for these jobs, by id, in one query."""
    ids = {job.created_by for job in jobs} - {None}
    return dict(db.execute(select(User.id, User.email).where(User.id.in_(ids))).all())

"""The backlog: work that is too long for a request, and how far the worker is with it.

A job is a row. A worker claims it by one conditional UPDATE, says how far it is as it goes, and
leaves what came of it; one whose worker died is taken up again by the next. The function that does
a job (`app.jobs.WORK`) therefore finds out by itself what is done already.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import NotFound
from app.models.records import Job, JobState

CLAIM = timedelta(minutes=5)
"""How long a worker may be silent before its job is taken up by another."""

MOST_TRIES = 3
"""How often a job is taken up: one that ends its worker each time must not do so for ever."""

OPEN = (JobState.QUEUED.value, JobState.RUNNING.value)


class JobKind(StrEnum):
    """What kind of work; `app.jobs.WORK` has the function for each."""


class Stopped(Exception):
    """Somebody asked for the job to end; what is done stays."""


class Overtaken(Exception):
    """The claim ran out and another worker has the job now."""


def add(db: Session, kind: JobKind, *, by: int | None, **facts: Any) -> Job:
    """Put work into the backlog, for which `facts` hold what it needs. The caller commits."""
    job = Job(
        kind=kind.value,
        state=JobState.QUEUED.value,
        facts=facts,
        created_at=clock.now(),
        created_by=by,
    )
    db.add(job)
    db.flush()
    db.info["worker_wanted"] = True
    return job


def claim(db: Session) -> Job | None:
    """Claim the oldest job that waits, or whose worker died; None if there is none.

    The caller commits. The claim is one conditional UPDATE: two workers never have the same job.
    """
    now = clock.now()
    waits = or_(
        Job.state == JobState.QUEUED.value,
        (Job.state == JobState.RUNNING.value) & (Job.claimed_until <= now),
    )
    for job_id in db.scalars(select(Job.id).where(waits).order_by(Job.id).limit(8)).all():
        claimed = db.execute(
            update(Job)
            .where(Job.id == job_id, waits)
            .values(
                state=JobState.RUNNING.value,
                worker=me(),
                attempts=Job.attempts + 1,
                started_at=now,
                claimed_until=now + CLAIM,
            )
            .execution_options(synchronize_session=False)
        )
        if cast(CursorResult[Any], claimed).rowcount == 1:
            return db.get_one(Job, job_id, populate_existing=True)
    return None


def waits(db: Session) -> bool:
    """Whether any job waits to be claimed."""
    waiting = select(Job.id).where(Job.state == JobState.QUEUED.value).limit(1)
    return db.scalar(waiting) is not None


def report(
    db: Session,
    job: Job,
    *,
    done: int | None = None,
    total: int | None = None,
    note: str | None = None,
    quiet_for: timedelta = CLAIM,
) -> None:
    """Say how far the job is, keep its claim for `quiet_for`, and commit.

    `done` of `total` are counted in what `note` names. Raises `Stopped` where somebody asked for
    that, and `Overtaken` where the claim ran out: then the function must leave off.
    """
    values: dict[str, Any] = {"claimed_until": clock.now() + quiet_for}
    said = {"done": done, "total": total, "note": note}
    values |= {name: value for name, value in said.items() if value is not None}
    stop_asked = db.scalar(
        update(Job)
        .where(_mine(job))
        .values(**values)
        .returning(Job.stop_asked)
        .execution_options(synchronize_session=False)
    )
    db.commit()
    if stop_asked is None:
        raise Overtaken
    if stop_asked:
        raise Stopped


def end(db: Session, job: Job, state: JobState, *, error: str | None = None, **result: Any) -> bool:
    """Write what came of the job; False where another worker has it now. The caller commits.

    In one transaction with the last of the work it makes both hold, or neither. `result` joins
    the facts that the job was given.
    """
    ended = db.execute(
        update(Job)
        .where(_mine(job))
        .values(
            state=state.value,
            error=error[:500] if error else None,
            facts=job.facts | result,
            finished_at=clock.now(),
            claimed_until=None,
        )
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], ended).rowcount == 1


def give_back(db: Session, job: Job) -> None:
    """Let the job wait again after a failure that may pass. The caller commits."""
    db.execute(
        update(Job)
        .where(_mine(job))
        .values(state=JobState.QUEUED.value, claimed_until=None)
        .execution_options(synchronize_session=False)
    )


def release_of_the_dead(db: Session) -> None:
    """Let go of the jobs of this machine's workers that are no more, without waiting for `CLAIM`.

    The caller commits. Workers of other machines are waited for.
    """
    running = select(Job.id, Job.worker).where(Job.state == JobState.RUNNING.value)
    gone = [job_id for job_id, worker in db.execute(running) if not _may_live(worker or "")]
    if gone:
        db.execute(
            update(Job)
            .where(Job.id.in_(gone), Job.state == JobState.RUNNING.value)
            .values(claimed_until=clock.now())
            .execution_options(synchronize_session=False)
        )


def ask_to_stop(db: Session, job_id: int) -> bool:
    """Ask for an open job to end: one that waits ends at once, one that runs where it can.

    False where it was over already. The caller commits.
    """
    ended = db.execute(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.QUEUED.value)
        .values(state=JobState.STOPPED.value, finished_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    asked = db.execute(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.RUNNING.value)
        .values(stop_asked=True)
        .execution_options(synchronize_session=False)
    )
    return bool(cast(CursorResult[Any], ended).rowcount or cast(CursorResult[Any], asked).rowcount)


def try_again(db: Session, job_id: int) -> bool:
    """Let a job that failed or was stopped wait once more; False for any other.

    The caller commits.
    """
    again = db.execute(
        update(Job)
        .where(Job.id == job_id, Job.state.in_([JobState.FAILED.value, JobState.STOPPED.value]))
        .values(
            state=JobState.QUEUED.value,
            stop_asked=False,
            attempts=0,
            error=None,
            finished_at=None,
        )
        .execution_options(synchronize_session=False)
    )
    db.info["worker_wanted"] = True
    return cast(CursorResult[Any], again).rowcount == 1


def get(db: Session, job_id: int) -> Job:
    """The job of this id, as it stands now. Raises `NotFound`."""
    job = db.get(Job, job_id, populate_existing=True)
    if job is None:
        raise NotFound
    return job


def latest(
    db: Session,
    *,
    kinds: Collection[JobKind] = (),
    before: int | None = None,
    limit: int = 50,
) -> list[Job]:
    """The newest jobs, newest first, of these kinds alone if any are named."""
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if kinds:
        query = query.where(Job.kind.in_([kind.value for kind in kinds]))
    if before is not None:
        query = query.where(Job.id < before)
    return list(db.scalars(query.execution_options(populate_existing=True)))


def me() -> str:
    """What this process is called in the rows that it claims: machine, process and its start."""
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{_began(os.getpid())}"


def _mine(job: Job) -> Any:
    return (
        (Job.id == job.id)
        & (Job.state == JobState.RUNNING.value)
        & (Job.worker == job.worker)
        & (Job.attempts == job.attempts)
    )


def _may_live(worker: str) -> bool:
    machine, _, process = worker.partition(":")
    pid, _, began = process.partition(":")
    if machine != socket.gethostname()[:32] or not pid.isdigit():
        return True
    return _began(int(pid)) == began


def _began(pid: int) -> str:
    # A number of a process is given anew, together with its moment of birth it is not.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""

"""The backlog: work that is too long for a request, and how far the worker is with it.

A job is a row. A worker claims it by one conditional UPDATE, says how far it is as it goes, and
leaves what came of it; one whose worker died is taken up again by the next. The function that does
a job (`app.jobs.working.WORK`) therefore finds out by itself what is done already.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import CursorResult, and_, case, or_, select, update
from sqlalchemy.orm import Session

from app.core import audit, clock, workers
from app.core.audit import NOWHERE, Event
from app.core.errors import NotFound
from app.models.records import Job, JobState

CLAIM = timedelta(minutes=5)
"""How long a worker may be silent before its job is taken up by another."""

MOST_TRIES = 3
"""How often a job is taken up: one that ends its worker each time must not do so for ever."""

PUT_OFF = timedelta(minutes=1)
"""How long a job rests after a failure that may pass, times the tries that it had."""

OPEN = (JobState.QUEUED.value, JobState.RUNNING.value)


class JobKind(StrEnum):
    """What kind of work; `app.jobs.working.WORK` has the function for each."""

    CONVERSATIONS_DELETE = "conversations_delete"
    CONVERSATIONS_EXPIRE = "conversations_expire"
    CONVERSATIONS_EXPORT = "conversations_export"
    PEOPLE = "people"
    ROSTER_APPLY = "roster_apply"
    ROSTER_CHECK = "roster_check"
    ROSTER_FOLLOW = "roster_follow"
    SAVED_DELETE = "saved_delete"
    INVITE = "invite"


class Stopped(Exception):
    """Somebody asked for the job to end; what is done stays."""


class Overtaken(Exception):
    """The claim ran out and another worker has the job now."""


class PutOff(Exception):
    """The job goes on at `until`, and others have their turn before; what is done stays."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


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

    One that was put off waits from its moment on. The caller commits. The claim is one
    conditional UPDATE: two workers never have the same job.
    The job does not belong to `db`: it stays what it was when it was claimed, whatever is
    committed or rolled back, so that nobody takes the claim of the next worker for their own.
    """
    now = clock.now()
    rested = or_(Job.claimed_until.is_(None), Job.claimed_until <= now)
    due = and_(Job.state.in_(OPEN), rested)
    for job_id in db.scalars(select(Job.id).where(due).order_by(Job.id).limit(8)).all():
        claimed = db.execute(
            update(Job)
            .where(Job.id == job_id, due)
            .values(
                state=JobState.RUNNING.value,
                worker=workers.me(),
                attempts=Job.attempts + 1,
                started_at=now,
                claimed_until=now + CLAIM,
            )
            .execution_options(synchronize_session=False)
        )
        if cast(CursorResult[Any], claimed).rowcount == 1:
            job = db.get_one(Job, job_id, populate_existing=True)
            db.expunge(job)
            return job
    return None


def report(
    db: Session,
    job: Job,
    *,
    done: int | None = None,
    total: int | None = None,
    note: str | None = None,
    facts: dict[str, Any] | None = None,
    quiet_for: timedelta = CLAIM,
) -> None:
    """Say how far the job is, keep its claim for `quiet_for`, and commit.

    `facts` take the place of the job's own: what it needs to go on from here.

    `done` of `total` are counted in what `note` names. Raises `Stopped` where somebody asked for
    that: what was done so far stands. Raises `Overtaken` where the claim ran out, and rolls back
    what was done since the last report: the worker that has the job now does it too.
    """
    values: dict[str, Any] = {"claimed_until": clock.now() + quiet_for}
    said = {"done": done, "total": total, "note": note, "facts": facts}
    values |= {name: value for name, value in said.items() if value is not None}
    stop_asked = db.scalar(
        update(Job)
        .where(_mine(job))
        .values(**values)
        .returning(Job.stop_asked)
        .execution_options(synchronize_session=False)
    )
    if stop_asked is None:
        db.rollback()
        raise Overtaken
    db.commit()
    if stop_asked:
        raise Stopped


def end(db: Session, job: Job, state: JobState, *, error: str | None = None, **result: Any) -> bool:
    """Write what came of the job; False where another worker has it now. The caller commits.

    In one transaction with the last of the work it makes both hold, or neither. `result` joins
    the facts that the job was given. One that was cut off leaves an entry of how far it came.
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
        .returning(Job.done, Job.total)
        .execution_options(synchronize_session=False)
    ).first()
    if ended is None:
        return False
    if state is not JobState.DONE:
        audit.record(
            db, Event.JOB_CUT_OFF, NOWHERE, kind=job.kind, job=job.id, why=state.value,
            done=ended.done, total=ended.total, ordered_by=job.created_by, error=error,
        )  # fmt: skip
    return True


def give_back(db: Session, job: Job, *, error: str) -> None:
    """Let the job rest, and then wait again, after a failure that may pass. The caller commits."""
    db.execute(
        update(Job)
        .where(_mine(job))
        .values(
            state=JobState.QUEUED.value,
            error=error[:500],
            claimed_until=clock.now() + PUT_OFF * job.attempts,
        )
        .execution_options(synchronize_session=False)
    )


def put_off(db: Session, job: Job, until: datetime) -> None:
    """Let the job wait until then; that is no failed try. The caller commits."""
    db.execute(
        update(Job)
        .where(_mine(job))
        .values(state=JobState.QUEUED.value, claimed_until=until, attempts=0)
        .execution_options(synchronize_session=False)
    )


def release_of_the_dead(db: Session) -> None:
    """Let go of the jobs of this machine's workers that are no more, without waiting for `CLAIM`.

    The caller commits. Workers of other machines are waited for.
    """
    running = select(Job.worker).where(Job.state == JobState.RUNNING.value).distinct()
    gone = [worker for worker in db.scalars(running) if worker and not workers.may_live(worker)]
    if gone:
        db.execute(
            update(Job)
            # By the name of the dead: what another took up in the meantime stays theirs.
            .where(Job.worker.in_(gone), Job.state == JobState.RUNNING.value)
            .values(claimed_until=clock.now())
            .execution_options(synchronize_session=False)
        )


def ask_to_stop(db: Session, job_id: int) -> bool:
    """Ask an open job to end: at once, or where it can; False if it is over. The caller commits."""
    waits = Job.state == JobState.QUEUED.value
    # One statement: between two a job could go from running to waiting and be missed by both.
    asked = db.execute(
        update(Job)
        .where(Job.id == job_id, Job.state.in_(OPEN))
        .values(
            stop_asked=True,
            state=case((waits, JobState.STOPPED.value), else_=Job.state),
            finished_at=case((waits, clock.now()), else_=Job.finished_at),
            claimed_until=case((waits, None), else_=Job.claimed_until),
        )
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], asked).rowcount == 1


def try_again(db: Session, job_id: int) -> bool:
    """Let a job that failed or was stopped wait again; False for others. The caller commits."""
    again = db.execute(
        update(Job)
        .where(Job.id == job_id, Job.state.in_([JobState.FAILED.value, JobState.STOPPED.value]))
        .values(
            state=JobState.QUEUED.value,
            stop_asked=False,
            attempts=0,
            error=None,
            claimed_until=None,
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
    states: Collection[JobState] = (),
    before: int | None = None,
    limit: int = 50,
) -> list[Job]:
    """The newest jobs, newest first, of these kinds and in these states alone if any are named.

    `before` is the id of the last row already seen.
    """
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if kinds:
        query = query.where(Job.kind.in_([kind.value for kind in kinds]))
    if states:
        query = query.where(Job.state.in_([state.value for state in states]))
    if before is not None:
        query = query.where(Job.id < before)
    return list(db.scalars(query.execution_options(populate_existing=True)))


def _mine(job: Job) -> Any:
    return (
        (Job.id == job.id)
        & (Job.state == JobState.RUNNING.value)
        & (Job.worker == job.worker)
        & (Job.attempts == job.attempts)
    )

"""Working the backlog off: what does each kind of job, and every way in which one can end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.core import backlog
from app.core.backlog import JobKind
from app.core.desk import invitations
from app.core.desk.people import bulk
from app.core.entry.terms import Terms
from app.core.errors import CodesAway, Refusal
from app.core.learning import erasing, exporting, forgetting, retention
from app.core.people.sessions import Lifetimes
from app.core.roster import following, imports
from app.core.roster.holding import HoldLimits
from app.models.records import Job, JobState

log = structlog.get_logger("rollcall")


def _invite(db: Session, job: Job, settings: Settings) -> dict[str, Any]:
    return invitations.invite(db, job, rate=settings.INVITE_RATE, terms=terms_of(settings))


def terms_of(settings: Settings) -> Terms:
    """What accounts go by that are opened or mended in the background."""
    return Terms(
        keys=[settings.FLASK_SECRET_KEY, *settings.SECRET_KEY_FALLBACKS],
        code_lifetime=timedelta(seconds=settings.CODE_LIFETIME),
        lifetimes=Lifetimes(
            idle=timedelta(seconds=settings.SESSION_IDLE),
            whole=timedelta(seconds=settings.SESSION_LIFETIME),
            remembered=timedelta(seconds=settings.REMEMBERED_LIFETIME),
        ),
        rounds=settings.BCRYPT_LOG_ROUNDS,
        least=settings.PASSWORD_MIN_LENGTH,
        role_least=settings.ROLE_PASSWORD_MIN_LENGTH,
        service_words=[settings.SERVICE_NAME],
        open_least=settings.OPEN_PASSWORD_MIN_LENGTH,
    )


WORK: dict[JobKind, Callable[[Session, Job, Settings], dict[str, Any] | None]] = {
    JobKind.CONVERSATIONS_DELETE: lambda db, job, _: erasing.delete_in_background(db, job),
    JobKind.CONVERSATIONS_EXPIRE: lambda db, job, _: retention.expire(db, job),
    JobKind.CONVERSATIONS_EXPORT: lambda db, job, _: exporting.make_workbook(db, job),
    JobKind.PEOPLE: lambda db, job, _settings: bulk.carry_out(db, job),
    JobKind.ROSTER_APPLY: lambda db, job, _settings: imports.apply_in_background(db, job),
    JobKind.ROSTER_CHECK: lambda db, job, settings: imports.check_in_background(
        db,
        job,
        HoldLimits(
            settings.ROSTER_HOLD_REMOVED,
            settings.ROSTER_HOLD_CHANGED,
            settings.ROSTER_HOLD_READDRESSED,
        ),
    ),
    JobKind.ROSTER_FOLLOW: lambda db, job, _: following.follow_in_background(db, job),
    JobKind.SAVED_DELETE: lambda db, job, _: forgetting.delete_in_background(db, job),
    JobKind.INVITE: _invite,
}
"""What does each kind of job: it may commit as it goes and call `backlog.report`, and what it
returns joins the job's facts. It raises a `Refusal` where the job cannot be done."""


def work_off(sessions: sessionmaker[Session], settings: Settings) -> int:
    """Do every job that waits, one after the other; how many were taken up.

    Needs an app context.
    """
    taken = 0
    with sessions() as db:
        backlog.release_of_the_dead(db)
        db.commit()
        while True:
            job = backlog.claim(db)
            db.commit()
            if job is None:
                return taken
            taken += 1
            _do(db, job, settings)


def _do(db: Session, job: Job, settings: Settings) -> None:
    """Do one job; whatever happens in it is written to its row, and the next one goes on."""
    began = time.monotonic()
    became = _try(db, job, settings)
    db.commit()
    seconds = round(time.monotonic() - began, 1)
    log.info("job", job_id=job.id, kind=job.kind, became=became, seconds=seconds)


def _try(db: Session, job: Job, settings: Settings) -> str:
    """What became of the job; the caller commits."""
    if job.stop_asked:
        return _end(db, job, JobState.STOPPED)
    if job.attempts > backlog.MOST_TRIES:
        words = job.error or "Its worker ended each time it was tried."
        return _end(db, job, JobState.FAILED, error=words)
    try:
        # A kind that an older version wrote and this one does not know is a failure like others.
        result = WORK[cast(JobKind, job.kind)](db, job, settings)
        return _end(db, job, JobState.DONE, **(result or {}))
    except backlog.PutOff as later:
        db.rollback()
        backlog.put_off(db, job, later.until)
        return "put off"
    except backlog.Stopped:
        db.rollback()
        return _end(db, job, JobState.STOPPED)
    except CodesAway:
        log.warning("job put off", job_id=job.id, kind=job.kind, error=CodesAway.code)
        db.rollback()
        backlog.give_back(db, job, error="The place where codes are kept was not to be had.")
        return "put off"
    except Refusal as refusal:
        db.rollback()
        return _end(db, job, JobState.FAILED, error=refusal.message, refusal=refusal.code)
    except OperationalError as error:
        # The database was away, or a lock was not to be had: the clock tries again.
        name = type(error.orig).__name__
        log.warning("job put off", job_id=job.id, kind=job.kind, error=name)
        db.rollback()
        backlog.give_back(db, job, error=f"The database was not to be had ({name}).")
        return "put off"
    except backlog.Overtaken:
        db.rollback()
        return "overtaken"
    except Exception as error:
        log.exception("job failed", job_id=job.id, kind=job.kind)
        db.rollback()
        return _end(db, job, JobState.FAILED, error=type(error).__name__)


def _end(db: Session, job: Job, state: JobState, **result: Any) -> str:
    if backlog.end(db, job, state, **result):
        return state.value
    # Another worker has the job: what this one did last is not done twice.
    db.rollback()
    return "overtaken"

"""What the worker does: delivers what is due, works the backlog off, and tidies up.

Huey keeps the queue: in a SQLite file in `DATA_DIR`, or in Redis where several machines share it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from huey import Huey, RedisHuey, SqliteHuey, crontab
from redis import ConnectionPool
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.core import audit, backlog, outbox, throttle
from app.core.audit import NOWHERE, Event
from app.core.backlog import JobKind
from app.core.errors import Refusal
from app.core.people import sessions as people_sessions
from app.core.proof import codes
from app.core.roster import imports
from app.delivery import smtp
from app.delivery.render import render
from app.delivery.smtp import DeliveryFailed
from app.models.records import Job, JobState, OutgoingMessage

log = structlog.get_logger("rollcall")


WORK: dict[JobKind, Callable[[Session, Job, Settings], dict[str, Any] | None]] = {}
"""What does each kind of job: it may commit as it goes and call `backlog.report`, and what it
returns joins the job's facts. It raises a `Refusal` where the job cannot be done."""


@dataclass(frozen=True)
class Jobs:
    """The queue, and the call that has what is due done now."""

    huey: Huey
    wake: Callable[[], object]


def make_jobs(settings: Settings, sessions: sessionmaker[Session]) -> Jobs:
    """The queue with its tasks; a worker runs them, `wake()` asks for one from anywhere."""
    huey = _make_queue(settings)
    at_work = threading.Lock()  # One thread of a worker has jobs, the others are there for mail.

    @huey.task(name="deliver")
    def deliver() -> None:
        deliver_due(sessions, settings)
        # A task of its own, so that mail goes on leaving while a job takes its time.
        work()

    @huey.periodic_task(crontab(minute="*"), name="deliver_again")
    def deliver_again() -> None:
        deliver()

    @huey.task(name="work")
    def work() -> None:
        if at_work.acquire(blocking=False):
            try:
                work_off(sessions, settings)
            finally:
                at_work.release()

    @huey.periodic_task(crontab(minute="17"), name="tidy")
    def tidy() -> None:
        tidy_up(sessions)

    def wake() -> None:
        try:
            deliver()
        except (sqlite3.Error, RedisError, OSError) as error:
            # The message is in the outbox; the clock delivers it within a minute all the same.
            log.warning("worker not woken", error=type(error).__name__)

    return Jobs(huey, wake)


def _make_queue(settings: Settings) -> Huey:
    if settings.REDIS_URL:
        # Without time-outs a Redis that drops packets would hold every request that wakes us.
        pool = ConnectionPool.from_url(
            settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=5
        )
        return RedisHuey("rollcall", connection_pool=pool)
    return SqliteHuey("rollcall", filename=str(settings.DATA_DIR / "jobs.db"))


def deliver_due(sessions: sessionmaker[Session], settings: Settings) -> int:
    """Deliver every message that is due, one after the other; how many were tried.

    Each is claimed first, so that several workers share the work, and no transaction is open
    while a mail server is waited for. Needs an app context.
    """
    tried = 0
    with sessions() as db:
        while True:
            message = outbox.claim_due(db)
            db.commit()
            if message is None:
                return tried
            _deliver(db, message, settings)
            db.commit()
            tried += 1


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
    if job.attempts > backlog.MOST_TRIES:
        backlog.end(db, job, JobState.FAILED, error="Its worker ended each time it was tried.")
        db.commit()
        return
    began = time.monotonic()
    try:
        result = WORK[JobKind(job.kind)](db, job, settings)
        backlog.end(db, job, JobState.DONE, **(result or {}))
    except backlog.Stopped:
        db.rollback()
        backlog.end(db, job, JobState.STOPPED)
    except backlog.Overtaken:
        db.rollback()
        log.warning("job was overtaken", job_id=job.id, kind=job.kind)
    except Refusal as refusal:
        db.rollback()
        backlog.end(db, job, JobState.FAILED, error=refusal.message, refusal=refusal.code)
    except OperationalError as error:
        # The database was away, or a lock was not to be had: the clock tries again.
        log.warning("job put off", job_id=job.id, kind=job.kind, error=type(error).__name__)
        db.rollback()
        backlog.give_back(db, job)
    except Exception as error:
        log.exception("job failed", job_id=job.id, kind=job.kind)
        db.rollback()
        backlog.end(db, job, JobState.FAILED, error=type(error).__name__)
    db.commit()
    seconds = round(time.monotonic() - began, 1)
    log.info("job", job_id=job.id, kind=job.kind, state=job.state, seconds=seconds)


def _deliver(db: Session, message: OutgoingMessage, settings: Settings) -> None:
    try:
        composed = smtp.compose(message, render(db, message, settings), settings)
    except Exception as error:
        # A template or key that fails today fails tomorrow too; the other mails must go on.
        log.exception("mail cannot be made", message_id=message.id, kind=message.kind)
        _give_up(db, message, f"{type(error).__name__}", for_good=True)
        return
    failure = None
    if settings.MAIL_SERVER:
        try:
            smtp.send(composed, settings)
        except DeliveryFailed as error:
            failure = error
    if not outbox.is_still_mine(db, message):
        log.warning("mail was overtaken", message_id=message.id)
    elif failure is not None:
        log.warning("mail not sent", message_id=message.id, error=str(failure))
        _give_up(db, message, str(failure), for_good=failure.for_good)
    elif settings.MAIL_SERVER:
        outbox.mark_sent(message)
        log.info("mail sent", message_id=message.id, kind=message.kind)
    else:
        outbox.mark_shown(message, composed.as_string())


def _give_up(db: Session, message: OutgoingMessage, error: str, *, for_good: bool) -> None:
    if outbox.mark_failed(message, error, for_good=for_good):
        audit.record(
            db, Event.MAIL_FAILED, NOWHERE, user_id=message.user_id, kind=message.kind, error=error
        )


def tidy_up(sessions: sessionmaker[Session]) -> None:
    """Drop what is over: windows of counts, dead codes, old sessions, imports left lying."""
    with sessions() as db:
        throttle.tidy(db)
        codes.tidy(db)
        people_sessions.tidy(db)
        imports.tidy(db)
        db.commit()

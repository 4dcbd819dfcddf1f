"""What the worker does: delivers what is due, works the backlog off, and tidies up.

Huey keeps the queue: in a SQLite file in `DATA_DIR`, or in Redis where several machines share it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from huey import Huey, RedisHuey, SqliteHuey, crontab
from redis import ConnectionPool
from redis.exceptions import RedisError
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.core import mailbox, throttle
from app.core.desk import books, rollups, seals
from app.core.desk.people import proposing
from app.core.entry import address_back, unopened
from app.core.learning import emergency, exporting, forgetting, retention
from app.core.oauth import handing
from app.core.people import limited
from app.core.people import sessions as people_sessions
from app.core.proof import codes
from app.core.roster import imports
from app.jobs.delivering import deliver_due
from app.jobs.working import work_off

__all__ = [
    "Jobs",
    "deliver_due",
    "drop_saved",
    "drop_unconfirmed",
    "make_jobs",
    "note_over",
    "tidy_up",
    "work_off",
]

log = structlog.get_logger("rollcall")

AT_WORK = threading.Lock()
"""One thread of a worker has jobs, the others are there for mail."""


@dataclass(frozen=True)
class Jobs:
    """The queue, and the call that has what is due done now."""

    huey: Huey
    wake: Callable[[], object]


def make_jobs(settings: Settings, sessions: sessionmaker[Session]) -> Jobs:
    """The queue with its tasks; a worker runs them, `wake()` asks for one from anywhere."""
    huey = _make_queue(settings)

    keep_books = _keep_the_audit(huey, sessions, settings)

    @huey.task(name="deliver")
    def deliver() -> None:
        deliver_due(sessions, settings)
        # Tasks of their own, so that mail goes on leaving while a job takes its time.
        work()
        keep_books()

    @huey.periodic_task(crontab(minute="*"), name="deliver_again")
    def deliver_again() -> None:
        deliver()
        note_over(sessions)

    @huey.task(name="work")
    def work() -> None:
        if _work_alone(sessions, settings):
            deliver()

    @huey.periodic_task(crontab(minute="17"), name="tidy")
    def tidy() -> None:
        tidy_up(sessions)
        drop_unconfirmed(sessions, settings)
        drop_saved(sessions, settings)

    def wake() -> None:
        try:
            deliver()
        except (sqlite3.Error, RedisError, OSError) as error:
            # The message is in the outbox; the clock delivers it within a minute all the same.
            log.warning("worker not woken", error=type(error).__name__)

    return Jobs(huey, wake)


def _work_alone(sessions: sessionmaker[Session], settings: Settings) -> int:
    # Jobs write mails, whose readers need not wait for the clock: who calls this asks how many.
    if not AT_WORK.acquire(blocking=False):
        return 0
    try:
        return work_off(sessions, settings)
    finally:
        AT_WORK.release()


def _keep_the_audit(
    huey: Huey, sessions: sessionmaker[Session], settings: Settings
) -> Callable[[], object]:
    """The tasks of the audit log; returns the one that is called whenever something happened."""
    keys = seals.keys_of([settings.FLASK_SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])
    at_books = threading.Lock()

    @huey.task(name="keep_books")
    def keep_books() -> None:
        if at_books.acquire(blocking=False):
            try:
                with sessions() as db:
                    books.keep(db, keys)
            finally:
                at_books.release()

    @huey.periodic_task(crontab(hour="3", minute="41"), name="look_after_books")
    def look_after_books() -> None:
        with sessions() as db:
            verdict = books.look_after(db, keys, days=settings.AUDIT_KEEP_DAYS)
        if verdict.problem is not None:
            log.error("audit log does not hold", problem=verdict.problem.words)
        # In the log of the service the head stands where who changes the database cannot reach.
        log.info("audit head", no=verdict.last_no, chain=verdict.head)

    keeping: Callable[[], object] = keep_books
    return keeping


def _make_queue(settings: Settings) -> Huey:
    if settings.REDIS_URL:
        # Without time-outs a Redis that drops packets would hold every request that wakes us.
        pool = ConnectionPool.from_url(
            settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=5
        )
        return RedisHuey("rollcall", connection_pool=pool)
    return SqliteHuey("rollcall", filename=str(settings.DATA_DIR / "jobs.db"))


def note_over(sessions: sessionmaker[Session]) -> None:
    """Record what ended by its own moment: the emergency switch, which was over without this."""
    with sessions() as db:
        if emergency.note_over(db):
            db.commit()


def tidy_up(sessions: sessionmaker[Session]) -> None:
    """Drop what is over: windows of counts, dead codes, old sessions and mails, imports left."""
    with sessions() as db:
        throttle.tidy(db)
        codes.tidy(db)
        handing.tidy(db)
        people_sessions.tidy(db)
        address_back.tidy(db)
        imports.tidy(db)
        proposing.tidy(db)
        rollups.tidy(db)
        exporting.tidy(db)
        retention.queue_daily(db)
        db.commit()
        while mailbox.tidy(db):
            db.commit()


def drop_unconfirmed(sessions: sessionmaker[Session], settings: Settings) -> None:
    """Delete the accounts, PINs and registrations that were asked for and not confirmed in time."""
    keep = timedelta(days=settings.UNVERIFIED_KEEP_DAYS)
    with sessions() as db:
        while unopened.tidy(db, keep):
            db.commit()
        unopened.tidy_pins(db, keep)
        db.commit()
        while limited.tidy(db, keep):
            db.commit()


def drop_saved(sessions: sessionmaker[Session], settings: Settings) -> None:
    """Delete what people saved from ChatGPT once it is older than the settings keep it."""
    if settings.SAVED_KEEP_DAYS:
        with sessions() as db:
            forgetting.expire(db, timedelta(days=settings.SAVED_KEEP_DAYS))

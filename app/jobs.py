"""What the worker does: delivers what is due, and tidies up.

Huey keeps the queue: in a SQLite file in `DATA_DIR`, or in Redis where several machines share it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from huey import Huey, RedisHuey, SqliteHuey, crontab
from redis import ConnectionPool
from redis.exceptions import RedisError
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.core import audit, outbox, throttle
from app.core.audit import NOWHERE, Event
from app.core.people import sessions as people_sessions
from app.core.proof import codes
from app.core.roster import imports
from app.delivery import smtp
from app.delivery.render import render
from app.delivery.smtp import DeliveryFailed
from app.models.records import OutgoingMessage

log = structlog.get_logger("rollcall")


@dataclass(frozen=True)
class Jobs:
    """The queue, and the call that has what is due done now."""

    huey: Huey
    wake: Callable[[], object]


def make_jobs(settings: Settings, sessions: sessionmaker[Session]) -> Jobs:
    """The queue with its tasks; a worker runs them, `wake()` asks for one from anywhere."""
    huey = _make_queue(settings)

    @huey.task(name="deliver")
    def deliver() -> None:
        deliver_due(sessions, settings)

    @huey.periodic_task(crontab(minute="*"), name="deliver_again")
    def deliver_again() -> None:
        deliver_due(sessions, settings)

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

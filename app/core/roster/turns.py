"""Two imports at once: the second waits for its turn, and can say for whom."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import backlog, clock
from app.core.backlog import JobKind
from app.database import hardly_waiting
from app.models.records import JobState
from app.models.rosters import ListInForce, RosterImport

AT_WORK = (JobKind.ROSTER_CHECK, JobKind.ROSTER_APPLY)
PATIENCE = 3_600_000
"""Milliseconds that an import waits for another one on PostgreSQL; SQLite has its own limit."""


def wait_turn(db: Session, tell: Callable[[RosterImport | None], None]) -> None:
    """Call `tell` if something is at work with the list, just before what has to wait for it.

    It is told the import that the worker has, or None for a command or whatever else holds the
    list. Begins the transaction that waits.
    """
    running = _with_worker(db)
    if running is not None or _is_held(db):
        tell(running)
    db.rollback()
    connection = db.connection()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {PATIENCE}")


def _with_worker(db: Session) -> RosterImport | None:
    for job in backlog.latest(db, kinds=AT_WORK, states=[JobState.RUNNING], limit=10):
        # The worker of one whose claim ran out is gone.
        if job.claimed_until is not None and job.claimed_until > clock.now():
            return db.get(RosterImport, job.facts["import_id"])
    return None


def _is_held(db: Session) -> bool:
    """Whether another transaction is making a list the one in force, or writes for long."""
    if db.connection().dialect.name == "postgresql":
        free = select(ListInForce.id).with_for_update(read=True, skip_locked=True)
        rows = db.scalar(select(func.count(ListInForce.id)))
        return len(db.scalars(free).all()) < (rows or 0)
    is_free = False
    with hardly_waiting(db):
        db.connection().exec_driver_sql("BEGIN IMMEDIATE")
        is_free = True
    return not is_free

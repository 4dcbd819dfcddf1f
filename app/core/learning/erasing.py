"""Deleting conversations for good: of a program, of a person, by age, or all of them.

The quota ledger is another table and stays: who asked today has asked, whatever is deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, select, true
from sqlalchemy.orm import Session

from app.core import audit, backlog, clock
from app.core.audit import NOWHERE, Event, Origin
from app.core.backlog import JobKind
from app.core.errors import OtherCount
from app.core.learning import transcripts
from app.models.conversations import Exchange
from app.models.records import Job

BATCH = 500
"""Exchanges that are deleted in one transaction: SQLite's other writers wait for it."""

LARGE = 100
"""From so many exchanges on, the number has to be typed."""


@dataclass(frozen=True)
class Scope:
    """What is to be deleted; what is empty does not narrow it, and an empty scope is all.

    `program` is a code, `person` an address or an id, `older_than` an age in days.
    """

    program: str = ""
    person: str = ""
    older_than: int | None = None

    def as_facts(self) -> dict[str, Any]:
        """The same as words for a job or an audit entry."""
        facts = {"program": self.program, "person": self.person, "older_than": self.older_than}
        return {name: value for name, value in facts.items() if value not in ("", None)}


@dataclass(frozen=True)
class Extent:
    """How much a scope holds now: exchanges, whose they are, and the last id that counts."""

    exchanges: int
    people: int
    up_to: int


def measure(db: Session, scope: Scope) -> Extent:
    """Count what a scope holds; this reads all of it."""
    condition = _condition(db, scope, _moment(scope))
    row = db.execute(
        select(func.count(), func.count(Exchange.user_id.distinct()), func.max(Exchange.id)).where(
            condition
        )
    ).one()
    return Extent(row[0], row[1], row[2] or 0)


def order(db: Session, scope: Scope, *, typed: int | None, by: int, origin: Origin) -> Job:
    """Have the worker delete what the scope holds now. The caller commits.

    Raises `OtherCount` unless `typed` is the number of exchanges; it can be left out where
    there are fewer than `LARGE`.
    """
    extent = confirm(db, scope, typed=typed)
    before = _moment(scope)
    facts = scope.as_facts()
    audit.record(
        db, Event.CONVERSATIONS_TO_DELETE, origin, actor_id=by, count=extent.exchanges, **facts
    )
    job = backlog.add(
        db,
        JobKind.CONVERSATIONS_DELETE,
        by=by,
        scope=facts,
        before=before.isoformat() if before else None,
        up_to=extent.up_to,
    )
    job.total = extent.exchanges
    return job


def confirm(db: Session, scope: Scope, *, typed: int | None) -> Extent:
    """How much the scope holds, if `typed` says so. Raises `OtherCount`."""
    extent = measure(db, scope)
    needed = extent.exchanges >= LARGE or typed is not None
    if needed and typed != extent.exchanges:
        raise OtherCount(count=extent.exchanges)
    return extent


def delete_in_background(db: Session, job: Job) -> dict[str, Any]:
    """Do the job of `order`, in batches; another try goes on where this one ended."""
    facts = job.facts
    before = datetime.fromisoformat(facts["before"]) if facts["before"] else None
    scope = Scope(**facts["scope"])
    condition = and_(_condition(db, scope, before), Exchange.id <= facts["up_to"])
    deleted = job.done

    def say(count: int) -> None:
        nonlocal deleted
        deleted += count
        backlog.report(db, job, done=deleted)

    try:
        erase(db, condition, say)
    except backlog.Stopped:
        _note(db, job, scope, deleted)
        db.commit()
        raise
    _note(db, job, scope, deleted)
    return {"deleted": deleted}


def delete_now(db: Session, scope: Scope, extent: Extent) -> int:
    """Delete what was confirmed, in transactions of its own; how many exchanges went.

    That it begins is written down first, and at the end, or where it is cut off, how many went.
    """
    facts = scope.as_facts()
    audit.record(db, Event.CONVERSATIONS_TO_DELETE, NOWHERE, count=extent.exchanges, **facts)
    db.commit()
    condition = and_(_condition(db, scope, _moment(scope)), Exchange.id <= extent.up_to)
    deleted = 0

    def say(count: int) -> None:
        nonlocal deleted
        db.commit()
        deleted += count

    try:
        erase(db, condition, say)
    finally:
        db.rollback()
        audit.record(db, Event.CONVERSATIONS_DELETED, NOWHERE, count=deleted, **facts)
        db.commit()
    return deleted


def erase(db: Session, condition: ColumnElement[bool], say: Callable[[int], None]) -> int:
    """Delete what fits the condition, in order of id; how many went.

    After each batch `say` is told how many were in it, and commits.
    """
    last, deleted = 0, 0
    while ids := list(db.scalars(_batch(condition, last))):
        db.execute(
            delete(Exchange)
            .where(Exchange.id.in_(ids))
            .execution_options(synchronize_session=False)
        )
        last = ids[-1]
        deleted += len(ids)
        say(len(ids))
    return deleted


def _batch(condition: ColumnElement[bool], last: int) -> Select[int]:
    return (
        select(Exchange.id).where(condition, Exchange.id > last).order_by(Exchange.id).limit(BATCH)
    )


def _moment(scope: Scope) -> datetime | None:
    return None if scope.older_than is None else clock.now() - timedelta(days=scope.older_than)


def _condition(db: Session, scope: Scope, before: datetime | None) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = []
    if scope.program.strip():
        parts.append(Exchange.program_code.in_(sorted(transcripts.spellings(db, scope.program))))
    if scope.person.strip():
        parts.append(Exchange.user_id.in_(sorted(transcripts.people_called(db, scope.person))))
    if before is not None:
        # What has no moment is of an age that nobody knows, and stays.
        parts.append(Exchange.timestamp < before)
    return and_(true(), *parts)


def _note(db: Session, job: Job, scope: Scope, deleted: int) -> None:
    audit.record(
        db,
        Event.CONVERSATIONS_DELETED,
        NOWHERE,
        actor_id=job.created_by,
        count=deleted,
        **scope.as_facts(),
    )

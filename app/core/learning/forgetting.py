"""Deleting what people saved from ChatGPT: of a person, by age, all of it, or once its time is up.

What was said on the site is another table, and `erasing` deletes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, delete, func, select
from sqlalchemy.orm import Session

from app.core import audit, backlog, clock
from app.core.audit import NOWHERE, Event, Origin
from app.core.backlog import JobKind
from app.core.errors import N_, OtherCount
from app.core.learning import transcripts
from app.core.learning.erasing import LARGE
from app.models.conversations import SavedConversation
from app.models.records import Job

BATCH = 200
"""Conversations that are deleted in one transaction: SQLite's other writers wait for it."""


class OtherNumber(OtherCount):
    """The number that was typed is not how many saved conversations there are."""

    words = N_("Nothing was deleted: this is about %(count)s conversations. Type that number.")


@dataclass(frozen=True)
class Scope:
    """What is to be deleted; what is empty does not narrow it, and an empty scope is all.

    `person` is an address or an id, `older_than` an age in days, from when it was saved.
    """

    person: str = ""
    older_than: int | None = None

    def as_facts(self) -> dict[str, Any]:
        """The same as words for a job or an audit entry."""
        facts = {"person": self.person, "older_than": self.older_than}
        return {name: value for name, value in facts.items() if value not in ("", None)}


@dataclass(frozen=True)
class Extent:
    """How much a scope holds now: conversations, whose they are, and until when they were saved."""

    conversations: int
    people: int
    before: datetime


def measure(db: Session, scope: Scope) -> Extent:
    """Count what a scope holds; this reads all of it."""
    before = clock.now() - timedelta(days=scope.older_than or 0)
    row = SavedConversation
    counted = select(func.count(), func.count(row.user_id.distinct()))
    return Extent(*db.execute(counted.where(_condition(db, scope, before))).one(), before)


def confirm(db: Session, scope: Scope, *, typed: int | None) -> Extent:
    """How much the scope holds, if `typed` says so; it may be None where that is little.

    Raises `OtherNumber`.
    """
    extent = measure(db, scope)
    needed = extent.conversations >= LARGE or typed is not None
    if needed and typed != extent.conversations:
        raise OtherNumber(count=extent.conversations)
    return extent


def order(db: Session, scope: Scope, *, typed: int | None, by: int, origin: Origin) -> Job:
    """Have the worker delete what the scope holds now. The caller commits.

    Raises `OtherNumber` unless `typed` is the number, as `confirm` does.
    """
    extent = confirm(db, scope, typed=typed)
    facts = scope.as_facts()
    audit.record(
        db, Event.CONVERSATIONS_TO_DELETE, origin, actor_id=by, count=extent.conversations,
        saved=True, **facts,
    )  # fmt: skip
    job = backlog.add(
        db, JobKind.SAVED_DELETE, by=by, scope=facts, before=extent.before.isoformat()
    )
    job.total = extent.conversations
    return job


def delete_in_background(db: Session, job: Job) -> dict[str, Any]:
    """Do the job of `order`, in batches; another try goes on where this one ended."""
    scope = Scope(**job.facts["scope"])
    before = datetime.fromisoformat(job.facts["before"])
    deleted = job.done

    def say(count: int) -> None:
        nonlocal deleted
        deleted += count
        backlog.report(db, job, done=deleted)

    try:
        _erase(db, _condition(db, scope, before), say)
    except backlog.Stopped:
        _note(db, Event.CONVERSATIONS_DELETED, deleted, by=job.created_by, **scope.as_facts())
        db.commit()
        raise
    _note(db, Event.CONVERSATIONS_DELETED, deleted, by=job.created_by, **scope.as_facts())
    return {"deleted": deleted}


def delete_now(db: Session, scope: Scope, extent: Extent) -> int:
    """Delete what was confirmed, in transactions of its own; how many went.

    That it begins is written down first, and at the end, or where it is cut off, how many went.
    """
    facts = scope.as_facts()
    _note(db, Event.CONVERSATIONS_TO_DELETE, extent.conversations, **facts)
    db.commit()
    condition = _condition(db, scope, extent.before)
    return _erase_and_note(db, condition, Event.CONVERSATIONS_DELETED, always=True, **facts)


def expire(db: Session, keep: timedelta) -> int:
    """Delete what was saved longer than `keep` ago, in transactions of its own; how many went."""
    over = SavedConversation.created_at < clock.now() - keep
    return _erase_and_note(db, over, Event.CONVERSATIONS_EXPIRED, days=keep.days)


def _erase_and_note(
    db: Session, condition: ColumnElement[bool], event: Event, *, always: bool = False, **facts: Any
) -> int:
    deleted = 0

    def say(count: int) -> None:
        nonlocal deleted
        db.commit()
        deleted += count

    try:
        _erase(db, condition, say)
    finally:
        # What is gone is gone, whatever cut this off.
        db.rollback()
        if deleted or always:
            _note(db, event, deleted, **facts)
            db.commit()
    return deleted


def _erase(db: Session, condition: ColumnElement[bool], say: Callable[[int], None]) -> int:
    row, deleted = SavedConversation, 0
    batch = select(row.id).where(condition).order_by(row.created_at, row.id).limit(BATCH)
    while ids := list(db.scalars(batch)):
        gone = db.execute(
            delete(row).where(row.id.in_(ids)).execution_options(synchronize_session=False)
        )
        # Its person may have deleted some of them in this very moment.
        count = cast("CursorResult[Any]", gone).rowcount
        deleted += count
        say(count)
    return deleted


def _condition(db: Session, scope: Scope, before: datetime) -> ColumnElement[bool]:
    row = SavedConversation
    parts = [row.created_at < before]
    if scope.person.strip():
        parts.append(row.user_id.in_(sorted(transcripts.people_called(db, scope.person))))
    return and_(*parts)


def _note(db: Session, event: Event, count: int, *, by: int | None = None, **facts: Any) -> None:
    audit.record(db, event, NOWHERE, actor_id=by, count=count, saved=True, **facts)

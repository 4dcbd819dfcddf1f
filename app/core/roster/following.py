"""Sets what everybody holds to what the list in force and the other reasons say, anew.

Nothing should need it: each import and each change by hand does so for those whom it touches. It
is for rows that something else wrote into the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import audit, backlog
from app.core.audit import NOWHERE, Event, Origin
from app.core.backlog import JobKind
from app.core.roster import entitlements
from app.models.people import User
from app.models.records import Job

STEP = 2000
"""Ids of one span, and so people of one transaction at most."""


def begin(db: Session, *, by: int | None, origin: Origin) -> Job:
    """Have the worker do it for everybody. The caller commits."""
    audit.record(db, Event.ROSTER_FOLLOWED, origin, actor_id=by)
    return backlog.add(db, JobKind.ROSTER_FOLLOW, by=by)


def follow_in_background(db: Session, job: Job) -> dict[str, Any]:
    """Do the job, a span of people at a time; done again it finds nothing to change."""
    total = db.scalar(select(func.count(User.id))) or 0
    backlog.report(db, job, done=0, total=total, note="people")
    done = moved = 0
    for people, changed in _steps(db):
        done, moved = done + people, moved + changed
        backlog.report(db, job, done=done)
    return {"moved": moved}


def follow_now(db: Session) -> int:
    """Do it here, committing as it goes; how many LO Root IDs were taken away and given."""
    moved = 0
    for _people, changed in _steps(db):
        moved += changed
        db.commit()
    audit.record(db, Event.ROSTER_FOLLOWED, NOWHERE, moved=moved)
    db.commit()
    return moved


def _steps(db: Session) -> Iterator[tuple[int, int]]:
    """Do it span by span: how many people each has, and how many LO Root IDs moved."""
    above = 0
    ids = select(User.id).order_by(User.id)
    while found := list(db.scalars(ids.where(User.id > above).limit(STEP))):
        whose = User.id.between(found[0], found[-1])
        yield len(found), entitlements.follow_list(db, whose)
        above = found[-1]

"""For how many days each program's conversations are kept, and their end when that is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import Session

from app.core import audit, backlog, clock
from app.core.audit import NOWHERE, Event, Origin
from app.core.backlog import JobKind
from app.core.errors import NotFound, OtherCount
from app.core.learning import erasing, programs, transcripts
from app.models.conversations import Exchange, ProgramRetention
from app.models.programs import Program
from app.models.records import Job

LONGEST = 36_500
"""Days that can be asked for; who wants more wants them to stay."""


@dataclass(frozen=True)
class Kept:
    """A program, and for how many days its conversations are kept; None is for good."""

    program: Program
    days: int | None


@dataclass(frozen=True)
class Spread:
    """How long conversations are kept over all programs, the trash included.

    `shortest` and `longest` are days, None where no program names any; `some_for_good` says
    whether a program keeps its conversations without end.
    """

    shortest: int | None
    longest: int | None
    some_for_good: bool


def spread(db: Session) -> Spread:
    """The shortest and the longest that any program keeps conversations, in one query."""
    days = ProgramRetention.days
    shortest, longest, limited, all_there = db.execute(
        select(func.min(days), func.max(days), func.count(days), func.count())
        .select_from(Program)
        .outerjoin(ProgramRetention, ProgramRetention.program_id == Program.id)
    ).one()
    return Spread(shortest, longest, limited < all_there)


def all_kept(db: Session) -> list[Kept]:
    """Every program with its days, by name."""
    days = dict(db.execute(select(ProgramRetention.program_id, ProgramRetention.days)).all())
    return [Kept(program, days.get(program.id)) for program in transcripts.choices(db)]


def find(db: Session, code: str) -> Kept:
    """One program with its days. Raises `NotFound`."""
    program = programs.called(transcripts.choices(db), code)
    if program is None:
        raise NotFound
    kept = db.get(ProgramRetention, program.id, populate_existing=True)
    return Kept(program, kept.days if kept else None)


def count_over(db: Session, code: str, days: int) -> int:
    """How many exchanges of a program are older than `days` days now."""
    return db.scalar(select(func.count()).where(_over(code, days))) or 0


def keep(
    db: Session, code: str, days: int | None, *, typed: int | None, by: int | None, origin: Origin
) -> Kept:
    """Say for how many days a program's conversations are kept, None for good.

    What is over then is deleted by the worker, `typed` being how much that is now, where it is
    much. The caller commits. Raises `NotFound` or `OtherCount`.
    """
    former = find(db, code)
    over = count_over(db, former.program.code, days) if days is not None else 0
    if over >= erasing.LARGE and typed != over:
        raise OtherCount(count=over)
    db.execute(delete(ProgramRetention).where(ProgramRetention.program_id == former.program.id))
    if days is not None:
        now = clock.now()
        db.add(ProgramRetention(program_id=former.program.id, days=days, set_at=now, set_by=by))
        if over:
            backlog.add(db, JobKind.CONVERSATIONS_EXPIRE, by=by)
    audit.record(
        db, Event.RETENTION_SET, origin, actor_id=by, program=former.program.code,
        old=former.days, new=days, over=over,
    )  # fmt: skip
    return Kept(former.program, days)


def queue_daily(db: Session) -> None:
    """Once a UTC day, where any program asks for it, have the worker delete what is over.

    The caller commits.
    """
    if db.scalar(select(ProgramRetention.program_id).limit(1)) is None:
        return
    midnight = datetime.combine(clock.today(), time(), UTC)
    today = select(Job.id).where(
        Job.kind == JobKind.CONVERSATIONS_EXPIRE.value,
        Job.created_by.is_(None),
        Job.created_at >= midnight,
    )
    if db.scalar(today.limit(1)) is None:
        backlog.add(db, JobKind.CONVERSATIONS_EXPIRE, by=None)


def expire(db: Session, job: Job) -> dict[str, Any]:
    """Do the job: delete, in batches, what is older than its program keeps it."""
    counts: dict[str, int] = {}
    deleted = job.done

    def say(count: int) -> None:
        nonlocal deleted
        deleted += count
        backlog.report(db, job, done=deleted)

    for kept in all_kept(db):
        if kept.days is not None:
            gone = erasing.erase(db, _over(kept.program.code, kept.days), say)
            counts |= {kept.program.code: gone} if gone else {}
    if deleted:
        audit.record(
            db, Event.CONVERSATIONS_EXPIRED, NOWHERE, actor_id=job.created_by, count=deleted,
            programs=counts,
        )  # fmt: skip
    return {"deleted": deleted, "programs": counts}


def _over(code: str, days: int) -> ColumnElement[bool]:
    return and_(
        Exchange.program_code.in_(sorted(programs.spellings(code))),
        Exchange.timestamp < clock.now() - timedelta(days=days),
    )

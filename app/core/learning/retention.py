"""For how many days each program's conversations are kept, and their end when that is over.

A program that is deleted for good leaves its days behind with its conversations, until a new one
of its code takes both over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, union_all
from sqlalchemy.orm import Session

from app.core import audit, backlog, clock
from app.core.audit import NOWHERE, Event, Origin
from app.core.backlog import JobKind
from app.core.errors import NotFound, OtherCount
from app.core.learning import erasing, programs, transcripts
from app.models.conversations import Exchange, FormerRetention, ProgramRetention
from app.models.programs import Program
from app.models.records import Job

LONGEST = 36_500
"""Days that can be asked for; who wants more wants them to stay."""


@dataclass(frozen=True)
class Kept:
    """A program, and for how many days its conversations are kept; None is for good.

    `is_gone` where the program was deleted for good, and its days are all that is left.
    """

    code: str
    name: str
    days: int | None
    is_gone: bool = False


@dataclass(frozen=True)
class Spread:
    """How long conversations are kept over all programs, those in the trash or gone included.

    `shortest` and `longest` are days, None where no program names any; `some_for_good` says
    whether a program keeps its conversations without end.
    """

    shortest: int | None
    longest: int | None
    some_for_good: bool


def spread(db: Session) -> Spread:
    """The shortest and the longest that any program keeps conversations, in one query."""
    there = select(ProgramRetention.days).select_from(Program)
    there = there.outerjoin(ProgramRetention, ProgramRetention.program_id == Program.id)
    days = union_all(there, select(FormerRetention.days)).subquery().c.days
    shortest, longest, limited, all_named = db.execute(
        select(func.min(days), func.max(days), func.count(days), func.count())
    ).one()
    return Spread(shortest, longest, limited < all_named)


def all_kept(db: Session) -> list[Kept]:
    """Every program with its days, by name, and then those that are gone and left theirs."""
    days = dict(db.execute(select(ProgramRetention.program_id, ProgramRetention.days)).all())
    there = [
        Kept(each.code, each.name, days.get(each.id), is_gone=False)
        for each in transcripts.choices(db)
    ]
    return there + _all_former(db)


def _all_former(db: Session) -> list[Kept]:
    row = FormerRetention
    rows = db.execute(select(row.code, row.name, row.days).order_by(func.lower(row.name), row.id))
    return [Kept(*each, is_gone=True) for each in rows]


def find(db: Session, code: str) -> Kept:
    """One program with its days, or one that is gone and left its days. Raises `NotFound`."""
    kept = all_kept(db)
    wanted = code.casefold()
    found = next((each for each in kept if wanted in programs.names_of(each.code)), None)
    if found is None:
        raise NotFound
    return found


def count_over(db: Session, code: str, days: int) -> int:
    """How many exchanges of a program are older than `days` days now."""
    return db.scalar(select(func.count()).where(_over(code, days))) or 0


def count_left(db: Session, program: Program, *, most: int) -> int:
    """How many questions and answers a program would leave behind; `most` + 1 where there are more.

    No more rows than that are looked at.
    """
    kept = select(Exchange.id).where(Exchange.program_code.in_(programs.spellings_of(program)))
    return db.scalar(select(func.count()).select_from(kept.limit(most + 1).subquery())) or 0


def keep(
    db: Session, code: str, days: int | None, *, typed: int | None, by: int | None, origin: Origin
) -> Kept:
    """Say for how many days a program's conversations are kept, None for good.

    What is over then is deleted by the worker, `typed` being how much that is now, where it is
    much. A program that is gone and is to keep its conversations for good leaves the list with
    its days. The caller commits. Raises `NotFound` or `OtherCount`.
    """
    before = find(db, code)
    over = count_over(db, before.code, days) if days is not None else 0
    if over >= erasing.LARGE and typed != over:
        raise OtherCount(count=over)
    if before.is_gone:
        if _take(db, before.code) is None:
            raise NotFound
        if days is not None:
            db.add(FormerRetention(code=before.code, name=before.name, days=days))
    else:
        _set(db, programs.id_of(db, before.code), days, by)
    if over:
        backlog.add(db, JobKind.CONVERSATIONS_EXPIRE, by=by)
    audit.record(
        db, Event.RETENTION_SET, origin, actor_id=by, program=before.code, old=before.days,
        new=days, over=over,
    )  # fmt: skip
    return replace(before, days=days)


def outlive(db: Session, program: Program) -> int | None:
    """Leave the days of a program behind that is about to be deleted for good; how many.

    In the transaction that deletes it. Without days nothing is left, and its conversations stay.
    """
    # Whoever sets its days at this moment holds the row of the program, and is waited for.
    db.execute(select(Program.id).where(Program.id == program.id).with_for_update())
    whose = ProgramRetention.program_id == program.id
    days = db.scalar(select(ProgramRetention.days).where(whose))
    if days is not None:
        values = {"code": program.code, "name": program.name, "days": days}
        db.execute(insert(FormerRetention).values(**values))
    return days


def take_over(db: Session, program_id: int, code: str, *, by: int | None) -> int | None:
    """Let a new program go by the days that an earlier one of its code left; how many.

    What was said in that one stands under the new one too, and was promised an end.
    """
    days = _take(db, code)
    if days is not None:
        _set(db, program_id, days, by)
    return days


def _take(db: Session, code: str) -> int | None:
    """Remove the days that a program of this code left behind, in any spelling; the fewest."""
    names = programs.names_of(code)
    rows = db.execute(select(FormerRetention.id, FormerRetention.code))
    ids = [row_id for row_id, left in rows if left.casefold() in names]
    if not ids:
        return None
    taken = delete(FormerRetention).where(FormerRetention.id.in_(ids))
    return min(db.scalars(taken.returning(FormerRetention.days)), default=None)


def _set(db: Session, program_id: int | None, days: int | None, by: int | None) -> None:
    db.execute(delete(ProgramRetention).where(ProgramRetention.program_id == program_id))
    if days is not None:
        now = clock.now()
        values = {"program_id": program_id, "days": days, "set_at": now, "set_by": by}
        db.execute(insert(ProgramRetention).values(**values))


def queue_daily(db: Session) -> None:
    """Once a UTC day, where any program asks for it, have the worker delete what is over.

    The caller commits.
    """
    if spread(db).shortest is None:
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
            gone = erasing.erase(db, _over(kept.code, kept.days), say)
            counts |= {kept.code: counts.get(kept.code, 0) + gone} if gone else {}
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

"""Counting tries: one atomic statement each, in windows that begin with the first try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import cast

from sqlalchemy import (
    Insert,
    Integer,
    Table,
    and_,
    bindparam,
    case,
    delete,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningDelete

from app.core import clock
from app.core.errors import ClosedForGood, TooManyTries
from app.database import UtcDateTime
from app.models.access import TryCount

COUNTS = cast(Table, TryCount.__table__)
NO_CEILING = 2**31 - 1
"""More tries in a row than anybody makes."""

KEPT = timedelta(days=90)
"""How long tries in a row are remembered where a ceiling looks at them."""


@dataclass(frozen=True)
class Limit:
    """How many tries a window takes, and how long one has to wait between them.

    `waits` is the time after the n-th try before which no other is taken. `ceiling` tries in a
    row close the way for good, until something is proven otherwise (NIST SP 800-63B-4 §3.2.2).
    """

    tries: int
    window: timedelta
    waits: Mapping[int, timedelta] = field(default_factory=dict)
    ceiling: int | None = None


def count(db: Session, scope: str, subject: str, limit: Limit) -> int:
    """Count a try of `subject` in `scope` and commit it, before the secret is looked at.

    Returns which try of the window this is, from 1. Raises `TooManyTries` where the limit is
    reached, or `ClosedForGood` at its ceiling. The commit stands because a refusal rolls back,
    and because parallel tries must see each other.
    """
    number = _count(db, scope, subject, limit)
    db.commit()
    if number is None:
        raise _why_not(db, scope, subject, limit)
    return number


def take(db: Session, scope: str, subject: str, limit: Limit) -> bool:
    """Count one within the caller's transaction; False where the limit is already reached."""
    return _count(db, scope, subject, limit) is not None


def until(db: Session, scope: str, subject: str) -> datetime | None:
    """When the open window of `subject` ends; None if none is open."""
    return db.scalar(
        select(TryCount.window_ends_at).where(
            TryCount.scope == scope,
            TryCount.subject == subject,
            TryCount.window_ends_at > clock.now(),
        )
    )


def is_used_up(db: Session, scope: str, subject: str, limit: Limit) -> bool:
    """Whether the open window of `subject` takes no further try."""
    number = db.scalar(
        select(TryCount.count).where(
            TryCount.scope == scope,
            TryCount.subject == subject,
            TryCount.window_ends_at > clock.now(),
        )
    )
    return number is not None and number >= limit.tries


def clear(db: Session, scope: str, subject: str, *, ends_at: datetime | None = None) -> bool:
    """Forget the tries of `subject`, of the window that ends at `ends_at` alone if that is given.

    One statement, so that of two at once one finds something to forget: True for that one.
    """
    which: dict[str, object] = {"scope": scope, "subject": subject}
    if ends_at is not None:
        which["ends_at"] = ends_at
    return db.scalar(_clearing(of_one=ends_at is not None), which) is not None


@cache
def _clearing(*, of_one: bool) -> ReturningDelete[int]:
    # A statement over the table: nothing that the session holds has to be looked through.
    row = COUNTS.c
    where = [row.scope == bindparam("scope"), row.subject == bindparam("subject")]
    if of_one:
        where.append(row.window_ends_at == bindparam("ends_at", type_=UtcDateTime()))
    return delete(COUNTS).where(*where).returning(row.count)


def tidy(db: Session) -> None:
    """Drop the windows that are over; those of codes are kept while their rows may add up."""
    now = clock.now()
    db.execute(
        delete(TryCount).where(
            TryCount.window_ends_at <= now,
            or_(not_(TryCount.scope.startswith("code:")), TryCount.window_ends_at <= now - KEPT),
        )
    )


def _count(db: Session, scope: str, subject: str, limit: Limit) -> int | None:
    now = clock.now()
    moments = {f"wait_{n}": now + wait for n, wait in limit.waits.items()}
    values = {"scope": scope, "subject": subject, "now": now, "ends_at": now + limit.window}
    limits = {"tries": limit.tries, "ceiling": limit.ceiling or NO_CEILING}
    statement = _counting(db.get_bind().dialect.name, tuple(limit.waits))
    return db.execute(statement, moments | values | limits).scalar()


@cache
def _counting(dialect: str, waits: tuple[int, ...]) -> Insert:
    """The one statement that counts, made once: it is part of every sign-in."""
    row, now = COUNTS.c, bindparam("now", type_=UtcDateTime())
    ends_at = bindparam("ends_at", type_=UtcDateTime())
    after = {n: bindparam(f"wait_{n}", type_=UtcDateTime()) for n in waits}
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    over = row.window_ends_at <= now
    may = or_(row.open_at.is_(None), row.open_at <= now)
    among = and_(row.count < bindparam("tries", type_=Integer), may)
    never = literal(None, UtcDateTime())
    first = after.get(1, never)
    return (
        insert(COUNTS)
        .values(
            scope=bindparam("scope"),
            subject=bindparam("subject"),
            count=1,
            in_a_row=1,
            window_ends_at=ends_at,
            open_at=first,
        )
        .on_conflict_do_update(
            index_elements=[row.scope, row.subject],
            set_={
                "count": case((over, 1), else_=row.count + 1),
                "in_a_row": row.in_a_row + 1,
                "window_ends_at": case((over, ends_at), else_=row.window_ends_at),
                "open_at": case(
                    (over, first),
                    *((row.count == n - 1, moment) for n, moment in after.items() if n > 1),
                    else_=never,
                ),
            },
            where=and_(or_(over, among), row.in_a_row < bindparam("ceiling", type_=Integer)),
        )
        .returning(row.count)
    )


def _why_not(db: Session, scope: str, subject: str, limit: Limit) -> TooManyTries:
    row = db.execute(
        select(
            TryCount.count.label("number"),
            TryCount.in_a_row,
            TryCount.window_ends_at,
            TryCount.open_at,
        ).where(TryCount.scope == scope, TryCount.subject == subject)
    ).one_or_none()
    db.rollback()
    now = clock.now()
    if row is None:  # Forgotten by a good try between the two statements.
        return TooManyTries(now)
    if limit.ceiling is not None and row.in_a_row >= limit.ceiling:
        return ClosedForGood(now + limit.window)
    ends = row.window_ends_at if row.number >= limit.tries else row.open_at or now
    return TooManyTries(max(ends, now))

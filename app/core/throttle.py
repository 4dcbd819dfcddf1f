"""Counting tries: one atomic statement each, in windows that begin with the first try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, delete, literal, not_, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import ClosedForGood, TooManyTries
from app.models.access import TryCount

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


def clear(db: Session, scope: str, subject: str, *, ends_at: datetime | None = None) -> bool:
    """Forget the tries of `subject`, of the window that ends at `ends_at` alone if that is given.

    One statement, so that of two at once one finds something to forget: True for that one.
    """
    where = [TryCount.scope == scope, TryCount.subject == subject]
    if ends_at is not None:
        where.append(TryCount.window_ends_at == ends_at)
    return db.scalar(delete(TryCount).where(*where).returning(TryCount.count)) is not None


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
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    over = TryCount.window_ends_at <= now
    may = or_(TryCount.open_at.is_(None), TryCount.open_at <= now)
    where = or_(over, and_(TryCount.count < limit.tries, may))
    if limit.ceiling is not None:
        where = and_(where, TryCount.in_a_row < limit.ceiling)
    first = now + limit.waits[1] if 1 in limit.waits else None
    waits = [(TryCount.count == n - 1, now + wait) for n, wait in limit.waits.items() if n > 1]
    statement = (
        insert(TryCount)
        .values(
            scope=scope,
            subject=subject,
            count=1,
            in_a_row=1,
            window_ends_at=now + limit.window,
            open_at=first,
        )
        .on_conflict_do_update(
            index_elements=[TryCount.scope, TryCount.subject],
            set_={
                "count": case((over, 1), else_=TryCount.count + 1),
                "in_a_row": TryCount.in_a_row + 1,
                "window_ends_at": case((over, now + limit.window), else_=TryCount.window_ends_at),
                "open_at": case((over, _moment(first)), *waits, else_=_moment(None)),
            },
            where=where,
        )
        .returning(TryCount.count)
    )
    return db.execute(statement).scalar()


def _moment(value: datetime | None) -> ColumnElement[datetime | None]:
    return literal(value, TryCount.open_at.type)


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

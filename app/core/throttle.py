"""Counting tries: one atomic statement each, in windows that begin with the first try."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import TooManyTries
from app.models.access import TryCount


def count(db: Session, scope: str, subject: str, *, limit: int, window: timedelta) -> int:
    """Count a try of `subject` in `scope` and commit it, before the secret is looked at.

    Returns which try of the window this is, from 1. Raises `TooManyTries` where `limit` tries
    were counted since the window began. The commit stands because a refusal rolls back, and
    because parallel tries must see each other.
    """
    number = _count(db, scope, subject, limit, window)
    db.commit()
    if number is None:
        raise TooManyTries(open_again_at(db, scope, subject))
    return number


def take(db: Session, scope: str, subject: str, *, limit: int, window: timedelta) -> bool:
    """Count one within the caller's transaction; False where `limit` is already reached."""
    return _count(db, scope, subject, limit, window) is not None


def open_again_at(db: Session, scope: str, subject: str) -> datetime:
    """When the window of `subject` ends; now, if none is open."""
    ends = db.scalar(
        select(TryCount.window_ends_at).where(TryCount.scope == scope, TryCount.subject == subject)
    )
    return ends or clock.now()


def clear(db: Session, scope: str, subject: str) -> None:
    """Forget the tries of `subject`: it came in rightfully."""
    db.execute(delete(TryCount).where(TryCount.scope == scope, TryCount.subject == subject))


def tidy(db: Session) -> None:
    """Drop the windows that are over."""
    db.execute(delete(TryCount).where(TryCount.window_ends_at <= clock.now()))


def _count(db: Session, scope: str, subject: str, limit: int, window: timedelta) -> int | None:
    now = clock.now()
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    over = TryCount.window_ends_at <= now
    statement = (
        insert(TryCount)
        .values(scope=scope, subject=subject, count=1, window_ends_at=now + window)
        .on_conflict_do_update(
            index_elements=[TryCount.scope, TryCount.subject],
            set_={
                "count": case((over, 1), else_=TryCount.count + 1),
                "window_ends_at": case((over, now + window), else_=TryCount.window_ends_at),
            },
            where=over | (TryCount.count < limit),
        )
        .returning(TryCount.count)
    )
    return db.execute(statement).scalar()

"""Accounts without a password, chosen from the list of people: whom a set-up mail would help."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, not_, select
from sqlalchemy.orm import Session

from app.core.desk.invited import was_lately
from app.core.desk.people.bulk import Choice
from app.core.people import users
from app.core.people.wanted import conditions
from app.models.people import User


class Account(NamedTuple):
    """Somebody who has an account and no password."""

    id: int
    address: str
    last_name: str


def count(db: Session, choice: Choice, since: datetime) -> int:
    """How many of those chosen wait for a mail; this looks at them all."""
    found = _waiting(db, choice, since).subquery()
    return db.scalar(select(func.count()).select_from(found)) or 0


def preview(
    db: Session, choice: Choice, since: datetime, *, most: int, limit: int
) -> tuple[int, bool, list[Account]]:
    """How many wait, whether that is all, and the first `limit` of them.

    Bounded for any number of people: the first `most` chosen without a password are looked at.
    """
    looked_at = select(User.id).where(*_chosen(db, choice)).order_by(User.id).limit(most)
    waiting = _waiting(db, choice, since).where(User.id.in_(looked_at))
    seen = db.scalar(select(func.count()).select_from(looked_at.subquery())) or 0
    count = db.scalar(select(func.count()).select_from(waiting.subquery())) or 0
    few = db.execute(waiting.order_by(User.id).limit(limit))
    return count, seen < most, [Account(*row) for row in few]


def find(db: Session, choice: Choice, since: datetime, *, after: int, limit: int) -> list[Account]:
    """The next of those chosen who wait, by id, `after` the last one already seen."""
    found = _waiting(db, choice, since).where(User.id > after).order_by(User.id).limit(limit)
    return [Account(*row) for row in db.execute(found)]


def _waiting(db: Session, choice: Choice, since: datetime) -> Select[int, Any, str]:
    """Those of the chosen who have no password, may come in, and were not mailed a link `since`."""
    lately = was_lately(User.address.expression, since)
    return select(User.id, User.address, User.last_name).where(
        *_chosen(db, choice), users.is_open(), users.on_list(), not_(lately)
    )


def _chosen(db: Session, choice: Choice) -> list[ColumnElement[bool]]:
    return [
        not_(users.has_password()),
        User.address.is_not(None),
        conditions(db, choice.filter),
        *choice.met(),
    ]

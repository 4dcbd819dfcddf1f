"""What people saved from ChatGPT, for admins: whose it is, when and how long, never what it says.

It is a person's own memory, so that nobody leafs through it. What was said leaves as one file of
one person, whom it is given to or who takes it themselves, and the audit log says who took it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.core import audit, sheets
from app.core.audit import Event, Origin
from app.core.errors import NotFound
from app.core.learning import days, keeping, transcripts
from app.models.conversations import SavedConversation
from app.models.people import User

PAGE = 50
"""Conversations that are listed at once."""

BATCH = 100
"""Conversations that are fetched at once for a file; one has up to 90,000 characters."""

HEADER = ["id", "user_email", "saved_at", "changed_at", "client", "title", "summary", "text"]


@dataclass(frozen=True)
class Sought:
    """Which are looked for; what is empty does not narrow it. Days are whole ones, in UTC."""

    person: str = ""
    """An address, or the id of an account."""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class Row:
    """A saved conversation without what is in it: whose, when, through which key, how long."""

    id: str
    user_id: int
    last_name: str
    email: str
    created_at: datetime
    updated_at: datetime
    client: str | None
    characters: int


@dataclass(frozen=True)
class Found:
    """A page of rows, newest first; `further` is the mark of the next page, None at the end."""

    rows: list[Row]
    further: str | None


def find(db: Session, sought: Sought, *, before: str | None = None, limit: int = PAGE) -> Found:
    """The newest that fit; `before` is where the last page ended, one that is gone begins anew."""
    row = SavedConversation
    query = (
        select(row.id, row.user_id, User.last_name, User.email, row.created_at, row.updated_at,
               row.client, row.characters)
        .join(User, User.id == row.user_id)
        .where(*_conditions(db, sought))
    )  # fmt: skip
    if before and keeping.is_storable(before):
        for mark in db.execute(select(row.created_at, row.id).where(row.id == before)):
            query = query.where(keeping.below(*mark))
    newest = query.order_by(row.created_at.desc(), row.id.desc()).limit(limit + 1)
    rows = [Row(*each) for each in db.execute(newest)]
    return Found(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def whose(db: Session, person: str) -> frozenset[int]:
    """The ids that are meant by an address or an id. Raises `NotFound` where that is nobody."""
    ids = transcripts.people_called(db, person) if person.strip() else frozenset[int]()
    there = frozenset(db.scalars(select(User.id).where(User.id.in_(sorted(ids)))))
    if not there:
        raise NotFound
    return there


def write_csv(db: Session, person: str, *, by: int | None, origin: Origin) -> Iterator[str]:
    """All that one person saved, with its text, as a CSV file in pieces, oldest first.

    Writes down about that person that it was taken; the caller commits before it reads the first
    piece. Raises `NotFound` where nobody is meant.
    """
    return _file(db, whose(db, person), by, origin)


def write_own_csv(db: Session, user_id: int, *, origin: Origin) -> Iterator[str]:
    """All that this person saved, for themselves; otherwise as `write_csv` does it."""
    return _file(db, frozenset({user_id}), user_id, origin)


def _file(db: Session, ids: frozenset[int], by: int | None, origin: Origin) -> Iterator[str]:
    for user_id in sorted(ids):
        audit.record(
            db, Event.CONVERSATIONS_EXPORTED, origin, user_id=user_id, actor_id=by, format="csv",
            saved=True,
        )  # fmt: skip
    return sheets.write_csv(HEADER, _rows(db, ids))


def _rows(db: Session, ids: frozenset[int]) -> Iterator[list[Any]]:
    row = SavedConversation
    query = (
        select(row.id, User.email, row.created_at, row.updated_at, row.client, row.title,
               row.summary, row.raw_text)
        .join(User, User.id == row.user_id)
        .where(row.user_id.in_(sorted(ids)))
        .order_by(row.created_at, row.id)
        .execution_options(yield_per=BATCH)
    )  # fmt: skip
    for named, email, saved_at, changed_at, *facts, lines in db.execute(query):
        moments = [sheets.as_text(saved_at), sheets.as_text(changed_at)]
        told = ["" if each is None else each for each in facts]
        yield [named, email, *moments, *told, "\n".join(lines)]


def _conditions(db: Session, sought: Sought) -> list[ColumnElement[bool]]:
    row, found = SavedConversation, list[ColumnElement[bool]]()
    if sought.person.strip():
        found.append(row.user_id.in_(sorted(transcripts.people_called(db, sought.person))))
    if sought.since is not None:
        found.append(row.created_at >= days.start_of(sought.since))
    if sought.until is not None:
        found.append(row.created_at < days.end_of(sought.until))
    return found

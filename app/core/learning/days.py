"""Chats on the site as conversations: one for each program and UTC day that somebody has.

Nothing is stored for them. A conversation's id is made of its person, program and day (a UUID of
version 8, RFC 9562 §5.8) and begins with the day, so that it is found by the rows of that day
alone. What its person cleared is not in it, and what has no moment belongs to no day.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import Event, Origin
from app.core.errors import N_, Refusal
from app.core.learning import programs
from app.core.learning.keeping import NoConversation
from app.core.learning.pieces import Head, Kept
from app.models.conversations import Exchange

DAY = timedelta(days=1)
EPOCH = date(1970, 1, 1)
LAST = (date.max - EPOCH).days - 1

AROUND = len('"Learner: ","Program: ",')
"""Characters of an exchange, as it leaves, beside those of its question and its answer."""


class HeldHere(Refusal):
    """A conversation of the site is what was said there: nobody changes it."""

    code = "held_here"
    status = 409
    words = N_("This conversation was held on the site and cannot be changed.")


def key_of(code: str) -> str:
    """What all spellings of a program's code have in common."""
    return min(programs.names_of(code))


def id_of(user_id: int, key: str, day: date) -> str:
    """The id of the conversation that this person had with a program on a day."""
    number = (day - EPOCH).days
    named = hashlib.sha256(f"rollcall chat\0{user_id}\0{key}\0{number}".encode()).digest()
    value = int.from_bytes(number.to_bytes(4, "big") + named[:12], "big")
    value = value & ~(0xF << 76) | 8 << 76  # The version,
    return str(uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62))  # and the variant.


def day_in(conversation_id: str) -> date | None:
    """The day of a conversation of the site; None for the id of another one."""
    try:
        read = uuid.UUID(conversation_id)
    except ValueError:
        return None
    number = read.int >> 96
    return EPOCH + timedelta(days=number) if read.version == 8 and number <= LAST else None


def end_of(day: date) -> datetime:
    """The moment at which a day is over."""
    return start_of(day + DAY)


def start_of(day: date) -> datetime:
    """The moment at which a day begins."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def latest(db: Session, user_id: int, before: datetime | None, most: int) -> list[date]:
    """The newest `most` days on which this person said something, each by one look at the index."""
    own = mine(user_id)
    newest = select(func.max(Exchange.timestamp)).where(*own)
    if before is not None:
        newest = newest.where(Exchange.timestamp < before)
    first = select(newest.scalar_subquery().label("at"), literal(1).label("number"))
    found = first.cte("found", recursive=True)
    earlier = (
        select(func.max(Exchange.timestamp))
        .where(*own, Exchange.timestamp < func.date(found.c.at))
        .scalar_subquery()
    )
    goes_on = and_(found.c.at.is_not(None), found.c.number < most)
    found = found.union_all(select(earlier, found.c.number + 1).where(goes_on))
    rows = db.scalars(select(found.c.at).where(found.c.at.is_not(None)))
    return [moment.date() for moment in rows]


def between(db: Session, user_id: int, first: date, last: date) -> list[Head]:
    """The conversations from the first of these days to the last, newest first."""
    return _heads(db, user_id, from_to(first, last))


def heads(db: Session, user_id: int, days: Sequence[date]) -> list[Head]:
    """The conversations of these few days, newest first."""
    return _heads(db, user_id, or_(*map(_within, days))) if days else []


def _heads(db: Session, user_id: int, when: ColumnElement[bool]) -> list[Head]:
    rows = db.execute(
        select(
            Exchange.program_code,
            func.min(Exchange.timestamp),
            func.max(Exchange.timestamp),
            func.sum(size()),
        )
        .where(*mine(user_id), when)
        .group_by(Exchange.program_code, func.date(Exchange.timestamp))
    )
    found: dict[str, Head] = {}
    for code, begun, ended, length in rows:
        named = id_of(user_id, key_of(code), begun.date())
        same = found.get(named, Head(named, Kept.SITE, begun, ended, 0))
        found[named] = Head(
            named,
            Kept.SITE,
            min(begun, same.created_at),
            max(ended, same.updated_at),
            same.characters + int(length),
            same.codes | {code},
        )
    return sorted(found.values(), key=lambda head: head.position, reverse=True)


def find(db: Session, user_id: int, conversation_id: str) -> Head:
    """One of this person's own. Raises `NoConversation`."""
    day = day_in(conversation_id)
    for head in heads(db, user_id, [day]) if day else []:
        if head.id == conversation_id:
            return head
    raise NoConversation


def hide(db: Session, user_id: int, conversation_id: str, *, origin: Origin) -> None:
    """Clear a conversation for its person; what was asked still counts. The caller commits.

    Raises `NoConversation`.
    """
    head = find(db, user_id, conversation_id)
    db.execute(
        update(Exchange)
        .where(*mine(user_id), of(head))
        .values(is_visible=False)
        .execution_options(synchronize_session=False)
    )
    audit.record(
        db, Event.CHAT_CLEARED, origin, user_id=user_id, actor_id=user_id,
        program=min(head.codes), day=head.created_at.date().isoformat(),
    )  # fmt: skip


def mine(user_id: int) -> tuple[ColumnElement[bool], ...]:
    """The conditions of what this person said and did not clear."""
    return Exchange.user_id == user_id, Exchange.is_visible.is_(True)


def from_to(first: date, last: date) -> ColumnElement[bool]:
    """The condition of what was said from the first of these days to the last."""
    return and_(Exchange.timestamp >= start_of(first), Exchange.timestamp < end_of(last))


def _within(day: date) -> ColumnElement[bool]:
    return from_to(day, day)


def of(head: Head) -> ColumnElement[bool]:
    """The condition of what belongs to this conversation."""
    return and_(_within(head.created_at.date()), Exchange.program_code.in_(sorted(head.codes)))


def size() -> ColumnElement[Any]:
    """Characters of an exchange: as JSON, where some take several, it has no fewer."""
    return func.length(Exchange.user_message) + func.length(Exchange.bot_message) + AROUND

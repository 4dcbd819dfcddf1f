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

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import Event, Origin
from app.core.errors import N_, Refusal
from app.core.learning import programs
from app.core.learning.content import LONGEST_SUMMARY
from app.core.learning.keeping import NoConversation
from app.core.learning.pieces import Conversation, Head, Kept
from app.models.conversations import Exchange
from app.models.programs import Program

DAY = timedelta(days=1)
EPOCH = date(1970, 1, 1)
LAST = (date.max - EPOCH).days - 1

MOST_READ = 1000
"""Exchanges of one conversation that are read; a day with more has an end here."""


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
    mine = _mine(user_id)
    newest = select(func.max(Exchange.timestamp)).where(*mine)
    if before is not None:
        newest = newest.where(Exchange.timestamp < before)
    first = select(newest.scalar_subquery().label("at"), literal(1).label("number"))
    found = first.cte("found", recursive=True)
    earlier = (
        select(func.max(Exchange.timestamp))
        .where(*mine, Exchange.timestamp < func.date(found.c.at))
        .scalar_subquery()
    )
    goes_on = and_(found.c.at.is_not(None), found.c.number < most)
    found = found.union_all(select(earlier, found.c.number + 1).where(goes_on))
    rows = db.scalars(select(found.c.at).where(found.c.at.is_not(None)))
    return [moment.date() for moment in rows]


def between(db: Session, user_id: int, first: date, last: date) -> list[Head]:
    """The conversations from the first of these days to the last, newest first."""
    return _heads(db, user_id, _from_to(first, last))


def heads(db: Session, user_id: int, days: Sequence[date]) -> list[Head]:
    """The conversations of these few days, newest first."""
    return _heads(db, user_id, or_(*map(_within, days))) if days else []


def _heads(db: Session, user_id: int, when: ColumnElement[bool]) -> list[Head]:
    characters = func.sum(func.length(Exchange.user_message) + func.length(Exchange.bot_message))
    rows = db.execute(
        select(
            Exchange.program_code,
            func.min(Exchange.timestamp),
            func.max(Exchange.timestamp),
            characters,
        )
        .where(*_mine(user_id), when)
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


def read(
    db: Session, user_id: int, public_id: str, asked: Sequence[Head], *, in_a_row: bool = False
) -> dict[str, Conversation]:
    """What was said in these conversations, by their ids, in one query.

    `in_a_row` says that none of this person's stands between them, so that one look is enough.
    """
    if not asked:
        return {}
    places = [head.created_at.date() for head in asked]
    when = _from_to(min(places), max(places)) if in_a_row else or_(*map(_of, asked))
    rows = db.scalars(
        select(Exchange)
        .where(*_mine(user_id), when)
        .order_by(Exchange.timestamp, Exchange.id)
        .limit(MOST_READ * len(asked))
    )
    by_place = {(code, head.created_at.date()): head for head in asked for code in head.codes}
    said: dict[str, list[Exchange]] = {}
    for row in rows:
        head = by_place.get((row.program_code, row.timestamp.date())) if row.timestamp else None
        if head is not None:
            said.setdefault(head.id, []).append(row)
    wanted = {head.id: head for head in asked}
    names = _names(db)
    return {
        each: _conversation(wanted[each], public_id, names, exchanges)
        for each, exchanges in said.items()
    }


def _conversation(
    head: Head, public_id: str, names: dict[str, str], exchanges: Sequence[Exchange]
) -> Conversation:
    first = exchanges[0]
    title = names.get(key_of(first.program_code), first.program_code)
    lines = [
        line
        for each in exchanges[:MOST_READ]
        for line in (f"Learner: {each.user_message}", f"Program: {each.bot_message}")
    ]
    summary = f"{title}: {first.user_message}"
    if len(summary) > LONGEST_SUMMARY:
        summary = summary[: LONGEST_SUMMARY - 1] + "…"
    return Conversation(
        head.id, public_id, Kept.SITE, title[:200], summary, lines, head.created_at,
        head.updated_at,
    )  # fmt: skip


def hide(db: Session, user_id: int, conversation_id: str, *, origin: Origin) -> None:
    """Clear a conversation for its person; what was asked still counts. The caller commits.

    Raises `NoConversation`.
    """
    head = find(db, user_id, conversation_id)
    db.execute(
        update(Exchange)
        .where(*_mine(user_id), _of(head))
        .values(is_visible=False)
        .execution_options(synchronize_session=False)
    )
    audit.record(
        db, Event.CHAT_CLEARED, origin, user_id=user_id, actor_id=user_id,
        program=min(head.codes), day=head.created_at.date().isoformat(),
    )  # fmt: skip


def _names(db: Session) -> dict[str, str]:
    # There are few programs, and rows name them in many spellings.
    return {key_of(code): name for code, name in db.execute(select(Program.code, Program.name))}


def _mine(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return Exchange.user_id == user_id, Exchange.is_visible.is_(True)


def _from_to(first: date, last: date) -> ColumnElement[bool]:
    return and_(Exchange.timestamp >= start_of(first), Exchange.timestamp < end_of(last))


def _within(day: date) -> ColumnElement[bool]:
    return _from_to(day, day)


def _of(head: Head) -> ColumnElement[bool]:
    return and_(_within(head.created_at.date()), Exchange.program_code.in_(sorted(head.codes)))

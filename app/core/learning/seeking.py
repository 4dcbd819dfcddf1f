"""Searching one's memory: what was saved by its folded text, what was said by the index of words.

Each search reads a bounded number of rows, and says where to go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app.core.learning import days, memory, words
from app.core.learning.memory import Position
from app.core.learning.pieces import Conversation, Head, Kept
from app.core.learning.wanted import Wanted, read_terms
from app.models.conversations import Exchange, SavedConversation, folded
from app.models.people import User

MOST_FOUND = 20
"""Conversations of one page of a search."""

LOOKED_THROUGH = 300
"""Saved conversations, the newest below the mark, that one search reads."""

LOOKED_AT = 500_000
"""Characters of one conversation of the site in which the found words are looked for."""

EXCHANGES = 1000
"""Exchanges with the words, the newest, whose conversations one search finds."""


@dataclass(frozen=True)
class Found:
    """What a search found, newest first; `further` is the mark for going on, None at the end."""

    conversations: list[Conversation]
    further: str | None


def search(
    db: Session, user: User, typed: str, *, limit: int = MOST_FOUND, before: str | None = None
) -> Found:
    """Conversations with all the words and "quoted phrases", newest first.

    It reads a bounded number of rows; where there may be more, `further` is given, also when none
    was found. Raises `NoConversation` for a mark that is none.
    """
    terms = read_terms(typed)
    if not terms:
        return Found([], None)
    position = memory.locate(db, user.id, before) if before else None
    mine, floor = _saved_with(db, user.id, terms, position)
    held = _held_with(db, user.id, terms, position, limit)
    merged = sorted([*mine, *held], key=lambda head: head.position, reverse=True)
    if floor is not None:
        # Below it not everything was read: the next search goes on there.
        merged = [head for head in merged if head.position >= floor]
    chosen = merged[:limit]
    further = floor[1] if floor else None
    if len(merged) > limit:
        further = chosen[-1].id
    return Found(memory.read(db, user, chosen, most=LOOKED_AT), further)


def _saved_with(
    db: Session, user_id: int, terms: Sequence[str], position: Position | None
) -> tuple[list[Head], Position | None]:
    """Those with all terms among the newest, and down to where was read if that is not the end."""
    row = SavedConversation
    newest = (
        select(row.id, row.created_at, row.updated_at, row.characters, row.words)
        .where(*memory.below(user_id, position))
        .order_by(row.created_at.desc(), row.id.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    ).c
    fits = and_(*(newest.words.contains(folded(term), autoescape=True) for term in terms))
    rows = db.execute(
        select(newest.id, newest.created_at, newest.updated_at, newest.characters).where(fits)
    )
    found = [Head(each[0], Kept.CHATGPT, *each[1:]) for each in rows]
    last = memory.heads(db, *memory.below(user_id, position), limit=LOOKED_THROUGH)[
        LOOKED_THROUGH - 1 :
    ]
    return found, last[0].position if last else None


def _held_with(
    db: Session, user_id: int, terms: Sequence[str], position: Position | None, limit: int
) -> list[Head]:
    until = position[0].date() if position else None
    sought = Wanted(terms=tuple(terms), people=frozenset({user_id}), until=until)
    ids = words.newest(db, sought, limit=EXCHANGES).ids
    rows = db.execute(
        select(Exchange.program_code, Exchange.timestamp)
        .where(Exchange.id.in_(ids), Exchange.is_visible.is_(True))
        .where(Exchange.timestamp.is_not(None))
    )
    named: dict[str, date] = {
        days.id_of(user_id, days.key_of(code), moment.date()): moment.date()
        for code, moment in rows
        if moment is not None
    }
    newest = sorted(set(named.values()), reverse=True)[: limit + 2]
    return memory.under(
        [head for head in days.heads(db, user_id, newest) if head.id in named], position
    )

"""One memory: what somebody saved in ChatGPT and what they said on the site, newest first.

Both kinds are ordered by when they began and then by id, and a page begins below the last row of
the one before it. No query reads more of a person's rows than the page needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, defer

from app.core.audit import Origin
from app.core.learning import chats, days, keeping
from app.core.learning.days import HeldHere
from app.core.learning.keeping import NoConversation
from app.core.learning.pieces import (
    MOST_ANSWERED,
    MOST_OF_ONE,
    Conversation,
    Head,
    Kept,
    bounded,
    fill,
    pieces,
)
from app.models.conversations import SavedConversation
from app.models.people import User

MOST = 50
"""Conversations of one page."""

Position = tuple[datetime, str]


def page(
    db: Session, user: User, *, limit: int = MOST, before: str | None = None
) -> list[dict[str, Any]]:
    """The newest conversations as JSON objects, as many as fit into one answer.

    `before` is the id of the last one seen. Raises `NoConversation` where there is none of it.
    """
    position = locate(db, user.id, before) if before else None
    mine = _saved(db, user.id, position, limit)
    held = _held(db, user.id, position, limit)
    merged = sorted([*mine, *held], key=lambda head: head.position, reverse=True)
    chosen, left = list[Head](), MOST_ANSWERED
    for head in merged[:limit]:
        if chosen and head.characters > left:
            break
        chosen.append(head)
        left -= head.characters
    return fill(read(db, user, chosen, in_a_row=True, most=MOST_ANSWERED))


def locate(db: Session, user_id: int, conversation_id: str) -> Position:
    """Where a conversation stands in the list. Raises `NoConversation`."""
    return head_of(db, user_id, conversation_id).position


def head_of(db: Session, user_id: int, conversation_id: str) -> Head:
    """What one of this person's own is ordered by. Raises `NoConversation`."""
    conversation_id = conversation_id.strip().lower()
    saved = heads(db, SavedConversation.user_id == user_id,
                   SavedConversation.id == conversation_id, limit=1)  # fmt: skip
    return saved[0] if saved else days.find(db, user_id, conversation_id)


def get(db: Session, user: User, conversation_id: str, part: int = 1) -> dict[str, Any]:
    """One conversation as a JSON object, in parts where it is long.

    Raises `NoConversation`, also for a part that it does not have.
    """
    found = read(db, user, [head_of(db, user.id, conversation_id)])
    if not found:  # Deleted in this very moment.
        raise NoConversation
    one = found[0]
    parts = list(pieces(one.lines))
    if not 1 <= part <= len(parts):
        raise NoConversation
    shown = parts[part - 1]
    facts = one.facts(shown.lines)
    facts["truncated"] = len(parts) > 1
    return facts | {"part": part, "parts": len(parts), "continued": shown.continued}


def change(
    db: Session, user: User, conversation_id: str, *, origin: Origin, **values: Any
) -> dict[str, Any]:
    """Change a saved conversation as `keeping.change` does; the row as a JSON object.

    Raises `HeldHere` for one of the site besides.
    """
    head = head_of(db, user.id, conversation_id)
    if head.source is Kept.SITE:
        raise HeldHere
    return shown(user, keeping.change(db, user.id, head.id, origin=origin, **values))


def forget(db: Session, user_id: int, conversation_id: str, *, origin: Origin) -> None:
    """Delete a saved conversation, or clear one of the site. The caller commits.

    Raises `NoConversation`.
    """
    head = head_of(db, user_id, conversation_id)
    act = days.hide if head.source is Kept.SITE else keeping.forget
    act(db, user_id, head.id, origin=origin)


def read(
    db: Session,
    user: User,
    chosen: Sequence[Head],
    *,
    in_a_row: bool = False,
    most: int | None = None,
) -> list[Conversation]:
    """What was said in these conversations, in their order, by one query of each kind.

    `in_a_row` and `most` as in `chats.read`.
    """
    saved = [head.id for head in chosen if head.source is Kept.CHATGPT]
    held = [head for head in chosen if head.source is Kept.SITE]
    found = chats.read(db, user.id, user.public_id, held, in_a_row=in_a_row, most=most)
    if saved:
        rows = db.scalars(
            select(SavedConversation)
            .where(SavedConversation.id.in_(saved))
            .options(defer(SavedConversation.words))
        )
        found |= {row.id: conversation(user, row) for row in rows}
    return [found[head.id] for head in chosen if head.id in found]


def conversation(user: User, row: SavedConversation) -> Conversation:
    """A saved row as a conversation of `user`, whose it is."""
    return Conversation(
        row.id, user.public_id, Kept.CHATGPT, row.title, row.summary, row.raw_text,
        row.created_at, row.updated_at,
    )  # fmt: skip


def shown(user: User, row: SavedConversation) -> dict[str, Any]:
    """A saved row as a JSON object that fits into one answer."""
    return bounded(conversation(user, row), MOST_OF_ONE)


def _saved(db: Session, user_id: int, position: Position | None, limit: int) -> list[Head]:
    return heads(db, *below(user_id, position), limit=limit)


def heads(db: Session, *where: ColumnElement[bool], limit: int) -> list[Head]:
    """The newest saved conversations that meet these conditions."""
    row = SavedConversation
    rows = db.execute(
        select(row.id, row.created_at, row.updated_at, row.characters)
        .where(*where)
        .order_by(row.created_at.desc(), row.id.desc())
        .limit(limit)
    )
    return [Head(each.id, Kept.CHATGPT, *each[1:]) for each in rows]


def below(user_id: int, position: Position | None) -> list[ColumnElement[bool]]:
    """The conditions of what this person saved, below the mark where one is given."""
    row = SavedConversation
    where: list[ColumnElement[bool]] = [row.user_id == user_id]
    if position is not None:
        where.append(keeping.below(*position))
    return where


def _held(db: Session, user_id: int, position: Position | None, limit: int) -> list[Head]:
    until = days.end_of(position[0].date()) if position else None
    # One day more, of which some may stand above the mark.
    recent = days.latest(db, user_id, until, limit + 1)
    if not recent:
        return []
    # The person said nothing on the days that are not among them.
    return under(days.between(db, user_id, recent[-1], recent[0]), position)


def under(found: list[Head], position: Position | None) -> list[Head]:
    """Those of `found` that stand below the mark where one is given."""
    return [head for head in found if position is None or head.position < position]

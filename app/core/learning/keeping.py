"""Conversations that were held elsewhere, in ChatGPT, and are saved, changed and deleted here."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Insert,
    Table,
    delete,
    func,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, defer

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry.in_gpt import NobodyLeft
from app.core.errors import N_, NotFound, Refusal
from app.core.learning.content import Text
from app.database import UtcDateTime
from app.models.conversations import SavedConversation, folded

SAME_FOR = timedelta(minutes=10)
"""How long the same content is taken for the same save, where no key says what is."""


class OtherContent(Refusal):
    """The key of a save that had other content."""

    code = "other_content"
    status = 409
    words = N_("This idempotency_key was used to save something else.")


class NoConversation(NotFound):
    """A conversation that is not there, or belongs to somebody else."""

    words = N_("Conversation not found")


def save(
    db: Session, user_id: int, text: Text, *, key: str | None = None, client: str | None,
    origin: Origin,
) -> SavedConversation:  # fmt: skip
    """Keep a conversation; a second save of the same gives the first one's row.

    `key` says what is the same; without one it is the same content within `SAME_FOR`. Raises
    `TooLong`, `TooMuch`, `OtherContent` where the key was used for something else, or `NobodyLeft`
    where the person's account is gone. The caller commits.
    """
    text.check()
    once = f"k:{hashlib.sha256(key.encode()).hexdigest()}" if key else f"c:{text.digest}"
    row = _row(text, user_id=user_id, once=once, client=client)
    same = (SavedConversation.user_id == user_id, SavedConversation.once == once)
    if not key:
        _let_go(db, same)
    found = None
    while found is None:  # Only what was deleted in this very moment is neither made nor found.
        # Of several saves at once one makes the row; the others wait for it, and find it.
        try:
            made = db.scalar(_saving(db.get_bind().dialect.name), row)
        except IntegrityError:
            raise NobodyLeft from None  # Their account was deleted in this very moment.
        found = db.scalars(select(SavedConversation).where(*same)).one_or_none()
    if made is not None:
        audit.record(
            db, Event.CONVERSATION_SAVED, origin, user_id=user_id, actor_id=user_id,
            conversation=made, client=client,
        )  # fmt: skip
    if found.content_hash != text.digest:
        raise OtherContent
    return found


def _row(text: Text, *, user_id: int, once: str, client: str | None) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": str(uuid.uuid4()),
        "user_id": user_id,
        "title": text.title,
        "summary": text.summary,
        "raw_text": list(text.lines),
        "characters": text.characters,
        "content_hash": text.digest,
        "once": once,
        "client": client,
        "created_at": now,
        "updated_at": now,
    }


def _let_go(db: Session, same: tuple[ColumnElement[bool], ...]) -> None:
    """Let the same content be saved anew once its time is over."""
    over = SavedConversation.created_at <= clock.now() - SAME_FOR
    if db.scalar(select(SavedConversation.id).where(*same, over)) is not None:
        db.execute(
            update(SavedConversation)
            .where(*same, over)
            .values(once=None)
            .execution_options(synchronize_session=False)
        )


@cache
def _saving(dialect: str) -> Insert:
    table = cast(Table, SavedConversation.__table__)
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return (
        insert(table)
        .on_conflict_do_nothing(index_elements=[table.c.user_id, table.c.once])
        .returning(table.c.id)
    )


def get(db: Session, user_id: int, conversation_id: str) -> SavedConversation:
    """One of this person's own. Raises `NoConversation`."""
    if not is_storable(conversation_id):
        raise NoConversation
    found = db.scalars(
        select(SavedConversation)
        .where(SavedConversation.id == conversation_id, SavedConversation.user_id == user_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NoConversation
    return found


def page(
    db: Session, user_id: int, *, before: str | None = None, limit: int
) -> tuple[Sequence[SavedConversation], bool]:
    """The newest that this person saved, without what was said, and whether there are older ones.

    `before` is the id of the last one seen; one that is not there begins anew.
    """
    row = SavedConversation
    query = select(row).where(row.user_id == user_id).options(defer(row.raw_text), defer(row.words))
    if before and is_storable(before):
        last = select(row.created_at, row.id).where(row.id == before, row.user_id == user_id)
        for mark in db.execute(last):
            query = query.where(below(*mark))
    found = db.scalars(query.order_by(row.created_at.desc(), row.id.desc()).limit(limit + 1)).all()
    return found[:limit], len(found) > limit


def below(created_at: datetime, conversation_id: str) -> ColumnElement[bool]:
    """The condition of what stands below this place in the list."""
    mark = tuple_(literal(created_at, UtcDateTime()), literal(conversation_id))
    return tuple_(SavedConversation.created_at, SavedConversation.id) < mark


def is_storable(conversation_id: str) -> bool:
    """Whether this could be an id at all: a database does not take every text."""
    return (
        len(conversation_id) <= 36 and conversation_id.isascii() and conversation_id.isprintable()
    )


def count(db: Session, user_id: int) -> int:
    """How many conversations this person saved."""
    counted = select(func.count()).where(SavedConversation.user_id == user_id)
    return db.scalar(counted) or 0


def change(
    db: Session,
    user_id: int,
    conversation_id: str,
    *,
    title: str | None = None,
    summary: str | None = None,
    lines: Sequence[str] | None = None,
    origin: Origin,
) -> SavedConversation:
    """Change what is given of a conversation, and leave the rest. The caller commits.

    Raises `NoConversation`, `TooLong` or `TooMuch`.
    """
    row = get(db, user_id, conversation_id)
    text = Text(
        row.summary if summary is None else summary,
        row.raw_text if lines is None else lines,
        row.title if title is None else title or None,
    )
    text.check()
    changed = db.execute(
        update(SavedConversation)
        .where(SavedConversation.id == row.id, SavedConversation.user_id == user_id)
        .values(_changed(text, title=title, summary=summary, raw_text=lines))
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[object]", changed).rowcount != 1:
        raise NoConversation  # It was deleted in this very moment.
    audit.record(
        db, Event.CONVERSATION_CHANGED, origin, user_id=user_id, actor_id=user_id,
        conversation=conversation_id,
    )  # fmt: skip
    return get(db, user_id, conversation_id)


def _changed(text: Text, **given: object) -> dict[str, Any]:
    # What was not given stays, whoever changes that in this moment.
    whole = {"title": text.title, "summary": text.summary, "raw_text": list(text.lines)}
    return {
        **{name: value for name, value in whole.items() if given[name] is not None},
        "characters": text.characters,
        "words": folded(text.title, text.summary, *text.lines),
        "updated_at": clock.now(),
    }


def forget(db: Session, user_id: int, conversation_id: str, *, origin: Origin) -> None:
    """Delete one of this person's own for good. The caller commits. Raises `NoConversation`."""
    if not is_storable(conversation_id):
        raise NoConversation
    gone = db.execute(
        delete(SavedConversation)
        .where(SavedConversation.id == conversation_id, SavedConversation.user_id == user_id)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[object]", gone).rowcount != 1:
        raise NoConversation
    audit.record(
        db, Event.CONVERSATION_DELETED, origin, user_id=user_id, actor_id=user_id,
        conversation=conversation_id,
    )  # fmt: skip

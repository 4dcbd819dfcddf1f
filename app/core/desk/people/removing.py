"""How accounts are deleted, with what hangs on them, and what becomes of their chats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import Event, Origin
from app.core.desk.people import guarding
from app.core.proof import codes
from app.models.access import Code, TryCount
from app.models.conversations import Exchange
from app.models.people import User, UserLoRootId
from app.models.programs import DisclaimerAcceptance
from app.models.records import MessageState, OutgoingMessage


def count_chats(db: Session, user_id: int) -> int:
    """How many questions this person asked that are still there."""
    asked = select(func.count()).select_from(Exchange).where(Exchange.user_id == user_id)
    return db.scalar(asked) or 0


def remove(db: Session, user_id: int, *, keep_chats: bool, by: int | None, origin: Origin) -> None:
    """Delete one account. Chats that are kept have nobody's name any more. The caller commits.

    What somebody saved from ChatGPT is theirs alone: it goes with the account.
    """
    guarding.check(db, user_id, by=by, shuts_out=True)
    remove_all(db, [user_id], keep_chats=keep_chats, by=by, origin=origin)


def remove_all(
    db: Session, user_ids: Sequence[int], *, keep_chats: bool, by: int | None, origin: Origin,
    **details: Any,
) -> None:  # fmt: skip
    """Delete these accounts, whoever they are: who may be among them is the caller's to say.

    Sessions, roles, entitlements and saved conversations go with the row; an id is never given
    out again, so that no one inherits what is kept. The audit log keeps the address.
    """
    people = db.execute(
        select(User.id, User.email, User.address).where(User.id.in_(user_ids))
    ).all()
    ids = [row.id for row in people]
    addresses = [row.address or row.email.strip() for row in people]
    _forget_names(db, ids, keep_chats=keep_chats)
    codes.end_of(db, addresses)
    _drop(db, Code, Code.address.in_(addresses))
    _drop(db, TryCount, TryCount.subject.in_(addresses))
    _drop(db, UserLoRootId, UserLoRootId.user_id.in_(ids))
    waits = [MessageState.QUEUED.value, MessageState.SENDING.value]
    _drop(
        db, OutgoingMessage,
        OutgoingMessage.user_id.in_(ids), OutgoingMessage.state.in_(waits),
    )  # fmt: skip
    _drop(db, User, User.id.in_(ids))
    chats = "kept" if keep_chats else "deleted"
    about = {row.id: {"email": row.email} for row in people}
    audit.record_all(db, Event.ACCOUNT_DELETED, origin, about, actor_id=by, chats=chats, **details)


def _forget_names(db: Session, ids: list[int], *, keep_chats: bool) -> None:
    whose = DisclaimerAcceptance.user_id.in_(ids)
    if not keep_chats:
        _drop(db, Exchange, Exchange.user_id.in_(ids))
        _drop(db, DisclaimerAcceptance, whose)
        return
    db.execute(
        update(DisclaimerAcceptance)
        .where(whose)
        .values(user_id=None, user_email=None, user_last_name=None)
        .execution_options(synchronize_session=False)
    )


def _drop(db: Session, model: Any, *whose: ColumnElement[bool]) -> None:
    table: Table = model.__table__
    db.execute(delete(table).where(*whose))

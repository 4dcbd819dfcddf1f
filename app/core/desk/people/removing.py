"""How accounts are deleted, with what hangs on them, and what becomes of their chats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import Event, Origin
from app.core.desk.people import guarding
from app.core.entry import own_phone
from app.core.proof import codes
from app.models.access import Code, Credential, CredentialKind, Registration, TryCount
from app.models.conversations import Exchange
from app.models.people import User, UserLoRootId
from app.models.programs import DisclaimerAcceptance
from app.models.records import Channel, MessageState, OutgoingMessage


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
    out again, so that no one inherits what is kept. Codes, counts and WhatsApp messages go with
    their number. The audit log keeps the address.
    """
    # The rows of people come first in every journey, each time in the same order.
    whose = select(User.id, User.email, User.address).where(User.id.in_(user_ids))
    people = db.execute(whose.order_by(User.id).with_for_update(key_share=True)).all()
    ids = [row.id for row in people]
    addresses = [row.address or row.email.strip() for row in people]
    _forget_names(db, ids, keep_chats=keep_chats)
    _forget_numbers(db, ids)
    _forget_tries(db, addresses)
    _drop(db, UserLoRootId, UserLoRootId.user_id.in_(ids))
    _drop(db, Registration, Registration.address.in_(addresses))
    waits = [MessageState.QUEUED.value, MessageState.SENDING.value]
    to_go = or_(OutgoingMessage.state.in_(waits), OutgoingMessage.channel == Channel.WHATSAPP.value)
    _drop(db, OutgoingMessage, OutgoingMessage.user_id.in_(ids), to_go)
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


def _forget_numbers(db: Session, ids: list[int]) -> None:
    """Drop what their numbers are the names of, and the tries at numbers that they never proved."""
    own = select(Credential.user_id, Credential.identifier).where(
        Credential.user_id.in_(ids), Credential.kind == CredentialKind.PHONE.value
    )
    asked = select(OutgoingMessage.user_id, OutgoingMessage.recipient).where(
        OutgoingMessage.user_id.in_(ids), OutgoingMessage.channel == Channel.WHATSAPP.value
    )
    theirs = [(user_id, number) for user_id, number in db.execute(own)]
    typed = [(user_id, number) for user_id, number in db.execute(asked)]
    _forget_tries(db, [number for _, number in theirs])
    counted = {own_phone.counted_as(*each) for each in theirs + typed}
    _drop(db, TryCount, TryCount.subject.in_(counted))


def _forget_tries(db: Session, subjects: list[str]) -> None:
    codes.end_of(db, subjects)
    _drop(db, Code, Code.address.in_(subjects))
    _drop(db, TryCount, TryCount.subject.in_(subjects))


def _drop(db: Session, model: Any, *whose: ColumnElement[bool]) -> None:
    table: Table = model.__table__
    db.execute(delete(table).where(*whose))

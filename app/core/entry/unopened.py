"""Accounts that were asked for, openly or in a chat, and never confirmed: how they go again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, literal_column, or_, select
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import NOWHERE, Event, Origin
from app.core.outbox import Kind
from app.core.people import limited, users
from app.core.proof import pins
from app.core.roster import entitlements
from app.models.access import Credential, SignInSession
from app.models.invitations import Invitation
from app.models.people import CameBy, Entitlement, RoleGrant, Source, Status, User, UserLoRootId
from app.models.records import MessageState, OutgoingMessage

BATCH = 1000
"""Accounts that one transaction deletes."""


def drop(db: Session, user_ids: Sequence[int], origin: Origin, *, why: str) -> int:
    """Delete those of these accounts that nobody opened; how many went. The caller commits."""
    # An import at work waits for them, or they for it: it gives ids that would be in the way.
    entitlements.hold_list(db)
    ours = db.scalars(
        select(User.id).where(User.id.in_(user_ids), _nobodys()).order_by(User.id).with_for_update()
    )
    ids = list(ours)
    messages, people = cast(Table, OutgoingMessage.__table__), cast(Table, User.__table__)
    held = cast(Table, UserLoRootId.__table__)
    waits = [MessageState.QUEUED.value, MessageState.SENDING.value]
    # Of an account that stays only the mail goes that is about what goes.
    asking = [Kind.CHAT_SIGNUP.value, Kind.CREATE_ACCOUNT.value]
    about_this = or_(messages.c.user_id.in_(ids), messages.c.kind.in_(asking))
    db.execute(
        delete(messages).where(
            messages.c.user_id.in_(user_ids), messages.c.state.in_(waits), about_this
        )
    )
    db.execute(delete(held).where(held.c.user_id.in_(ids)))
    gone = db.execute(
        delete(people).where(people.c.id.in_(ids)).returning(people.c.id, people.c.email)
    )
    about: dict[int, dict[str, Any]] = {row.id: {"email": row.email} for row in gone}
    audit.record_all(db, Event.ACCOUNT_DELETED, origin, about, why=why)
    return len(about)


def tidy(db: Session, keep: timedelta) -> int:
    """Delete a batch of those that have waited for `keep` or longer; how many. The caller commits.

    In a chat they are asked for by a PIN, on our pages by a registration: the newest one counts.

    Who holds something that no list gives, has a role, was closed by an admin or was ever signed
    in is not among them, and nobody whom a list, an admin, an invitation or a database taken over
    made. Who is on the list may ask again.
    """
    since = clock.now() - keep
    again = limited.asked_since(User.address.expression, since)
    in_chat = (
        select(Credential.user_id)
        .join(User, User.id == Credential.user_id)
        .where(Credential.kind == pins.KIND, Credential.created_at < since)
        .where(_nobodys(), ~again)
        .limit(BATCH)
    )
    newer = exists().where(Credential.user_id == User.id, Credential.created_at >= since)
    # Word for word as the index of those who were never proven has it.
    openly = and_(User.came_by == literal_column("'open'"), User.verified_at.is_(None))
    here = (
        select(User.id)
        .where(openly, User.date_added < since, _nobodys(), ~newer, ~again)
        .limit(BATCH)
    )
    ids = list(db.scalars(in_chat)) or list(db.scalars(here))
    return drop(db, ids, NOWHERE, why="never_confirmed") if ids else 0


def tidy_pins(db: Session, keep: timedelta) -> None:
    """Drop the PINs that chats asked for and nobody confirmed, of accounts that stay.

    Call it when `tidy` has found nobody any more, who is found by their PIN. PINs that came with a
    predecessor's database stay as well. The caller commits.
    """
    unproven = select(User.id).where(User.verified_at.is_(None))
    db.execute(
        delete(Credential)
        .where(Credential.kind == pins.KIND, Credential.created_at < clock.now() - keep)
        .where(Credential.data["through"].as_string().is_not(None))
        .where(Credential.user_id.in_(unproven))
        .execution_options(synchronize_session=False)
    )


def is_nobodys(db: Session, user_id: int) -> bool:
    """Whether this account was asked for and never opened, so that it may go at any time."""
    return db.scalar(select(User.id).where(User.id == user_id, _nobodys())) is not None


def _nobodys() -> ColumnElement[bool]:
    by_list = Entitlement.source == Source.ROSTER.value
    return and_(
        # One that was asked for on our pages is the list's as soon as its person is on it.
        or_(
            User.came_by == CameBy.CHAT.value,
            and_(User.came_by == CameBy.OPEN.value, User.from_roster.is_(False)),
        ),
        User.verified_at.is_(None),
        ~users.has_password(),
        func.lower(func.trim(User.status)) == Status.ACTIVE.lower(),
        ~exists().where(Entitlement.user_id == User.id, ~by_list),
        ~exists().where(RoleGrant.user_id == User.id),
        ~exists().where(SignInSession.user_id == User.id),
        # One that is older was another account's, which went on to another address.
        ~exists().where(
            Invitation.address == User.address, Invitation.invited_at >= User.date_added
        ),
    )

"""Moves accounts to the new addresses of their people, where an admin confirmed that they are.

It is the same account: chats, password, roles and sessions stay. What was mailed to the old
address dies, and both mailboxes are told. Statements over sets; the mails in batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    exists,
    func,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from app.core import audit, outbox
from app.core.audit import Event, Origin
from app.core.outbox import Kind
from app.core.people import roles
from app.core.proof import codes
from app.models.people import CameBy, Role, RoleGrant, User
from app.models.records import MessageState, OutgoingMessage
from app.models.rosters import RosterImport, RosterPair

BATCH = 1000
"""People who are told at once."""

_QUIET = {"synchronize_session": False}


def move(db: Session, found: RosterImport, *, by: int | None, origin: Origin) -> int:
    """Move the accounts of the confirmed pairs of an import; how many moved. The caller commits.

    Left where it is: an account whose new address another one has, and one whose roles let its
    owner do what `by` may not, as a new address would be a way to that.
    """
    if not found.pairs_confirmed:
        return 0
    _choose(db, found.id, by)
    _readdress(db, found.id)
    moved = count_moved(db, found.id)
    if moved:
        _end_mailed(db, found.id)
        _tell(db, found.id, by, origin)
    return moved


def count_moved(db: Session, import_id: int) -> int:
    """How many accounts moved by an import that was applied."""
    count = select(func.count()).select_from(RosterPair).where(_moved(import_id))
    return db.scalar(count) or 0


def _moved(import_id: int) -> ColumnElement[bool]:
    return and_(
        RosterPair.import_id == import_id,
        RosterPair.confirmed,
        RosterPair.user_id.is_not(None),
    )


def _choose(db: Session, import_id: int, by: int | None) -> None:
    """Write down whose account can move."""
    above = exists().where(RoleGrant.user_id == User.id, RoleGrant.role_id.in_(_beyond(db, by)))
    account = (
        select(User.id)
        .where(
            User.address == RosterPair.former,
            or_(RosterPair.user_id.is_(None), RosterPair.user_id == User.id),
            not_(_taken()),
            not_(above.correlate(User)),
        )
        .correlate(RosterPair)
        .scalar_subquery()
    )
    db.execute(
        update(RosterPair)
        .where(RosterPair.import_id == import_id, RosterPair.confirmed)
        .values(user_id=account),
        execution_options=_QUIET,
    )


def _taken() -> ColumnElement[bool]:
    """That another account has the new address of a pair, or had it in the legacy application."""
    other = aliased(User)
    columns = (other.address, other.shared_address, other.email)
    there = exists().where(or_(*(column == RosterPair.address for column in columns)))
    return there.correlate(RosterPair)


def _beyond(db: Session, by: int | None) -> list[int]:
    """The roles that permit what `by` may not; all of them to a maintainer at the console."""
    # What a role permits is a list in a column, and there are few roles.
    own = roles.permissions_of(db, by) if by is not None else frozenset[str]()
    rows = db.execute(select(Role.id, Role.permissions))
    return [role_id for role_id, held in rows if not own.issuperset(held)]


def _readdress(db: Session, import_id: int) -> None:
    db.execute(
        update(User)
        .where(_moved(import_id), User.id == RosterPair.user_id, User.address == RosterPair.former)
        # Nobody proved yet that the new mailbox is theirs; but the account is the list's, and not
        # one to be tidied away because a chat once asked for it.
        .values(
            email=RosterPair.address,
            address=RosterPair.address,
            verified_at=None,
            came_by=func.nullif(User.came_by, CameBy.CHAT.value),
        ),
        execution_options=_QUIET,
    )
    # An account that was edited a moment ago is where its admin put it.
    there = exists().where(User.id == RosterPair.user_id, User.address == RosterPair.address)
    db.execute(
        update(RosterPair).where(_moved(import_id), not_(there)).values(user_id=None),
        execution_options=_QUIET,
    )


def _end_mailed(db: Session, import_id: int) -> None:
    """End the codes of the old addresses, and keep back what still waits to go there.

    The links there are dead with the address itself (`proof.stamps`); one that waits would be
    minted when its mail leaves.
    """
    formerly = select(RosterPair.former).where(_moved(import_id))
    codes.end_of(db, formerly)
    whose = select(RosterPair.user_id).where(_moved(import_id))
    waits = [MessageState.QUEUED.value, MessageState.SENDING.value]
    db.execute(
        update(OutgoingMessage)
        .where(OutgoingMessage.user_id.in_(whose), OutgoingMessage.state.in_(waits))
        .values(state=MessageState.HELD.value, sealed=None),
        execution_options=_QUIET,
    )


def _tell(db: Session, import_id: int, by: int | None, origin: Origin) -> None:
    """Write an entry about each account, and a mail to both of its mailboxes."""
    after = ""
    while rows := db.execute(_told(import_id, after)).all():
        about = {row.id: {"email": [row.former, row.address]} for row in rows}
        audit.record_all(db, Event.ACCOUNT_EDITED, origin, about, actor_id=by, import_id=import_id)
        outbox.queue_each(db, Kind.ADDRESS_CHANGED, _mails(rows))
        after = rows[-1].former


def _told(import_id: int, after: str) -> Select[int, str | None, str, str]:
    return (
        select(User.id, User.locale, RosterPair.former, RosterPair.address)
        .join(RosterPair, RosterPair.user_id == User.id)
        .where(_moved(import_id), RosterPair.former > after)
        .order_by(RosterPair.former)
        .limit(BATCH)
    )


def _mails(
    rows: Sequence[Row[int, str | None, str, str]],
) -> list[tuple[str, int, str | None, dict[str, Any]]]:
    return [
        (mailbox, row.id, row.locale, {"old": row.former, "new": row.address, "by_list": True})
        for row in rows
        for mailbox in (row.former, row.address)
    ]

"""Those who were invited: whether that was lately, and how they are getting on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, not_, or_, select
from sqlalchemy.orm import Session

from app.core.outbox import Kind
from app.core.people import users
from app.models.invitations import Invitation
from app.models.people import User
from app.models.records import MessageState, OutgoingMessage

MOST_LEAVING = 1_000
"""Mails that wait to leave and are counted; beyond it the number says "at least"."""

KINDS = [Kind.INVITATION.value, Kind.SETUP.value, Kind.WELCOME.value]
"""The mails that a sending writes."""

LINKS = [Kind.SETUP.value, Kind.WELCOME.value]
"""Those of them that are mailed by other ways too: to somebody who was added, or asked for it."""

NEVER_LEFT = [MessageState.FAILED.value, MessageState.HELD.value]


@dataclass(frozen=True)
class Invited:
    """Somebody who was invited: whether they set a password, and what became of the mail."""

    address: str
    last_name: str | None
    user_id: int | None
    has_password: bool
    invited_at: datetime
    times: int
    mail_state: str | None
    mail_error: str | None


def was_lately(address: ColumnElement[Any], since: datetime) -> ColumnElement[bool]:
    """The SQL condition under which an address was invited, or mailed such a link, `since`."""
    mailed = exists().where(
        OutgoingMessage.recipient == address,
        OutgoingMessage.created_at > since,
        OutgoingMessage.kind.in_(LINKS),
        OutgoingMessage.state.not_in(NEVER_LEFT),
    )
    claimed = exists().where(Invitation.address == address, Invitation.invited_at > since)
    return or_(claimed, mailed)


def invited_by(
    db: Session, job_id: int, *, only_open: bool, after: str, limit: int
) -> list[Invited]:
    """The people whom this job was the last to invite, by address; `only_open` without password."""
    query = (
        select(
            Invitation.address, User.last_name, User.id, users.has_password(),
            Invitation.invited_at, Invitation.times, OutgoingMessage.state,
            OutgoingMessage.last_error,
        )
        .outerjoin(User, User.id == Invitation.user_id)
        .outerjoin(OutgoingMessage, OutgoingMessage.id == _newest_mail())
        .where(Invitation.job_id == job_id, Invitation.address > after)
        .order_by(Invitation.address)
        .limit(limit)
    )  # fmt: skip
    if only_open:
        query = query.where(not_(users.has_password()))
    return [Invited(*row) for row in db.execute(query)]


def leaving(db: Session, job_id: int) -> int:
    """How many mails of a sending are written and still wait to leave, up to `MOST_LEAVING`."""
    whose = select(Invitation.address).where(Invitation.job_id == job_id)
    found = (
        select(OutgoingMessage.id)
        .where(
            OutgoingMessage.state.in_([MessageState.QUEUED.value, MessageState.SENDING.value]),
            OutgoingMessage.kind.in_(KINDS),
            OutgoingMessage.recipient.in_(whose),
        )
        .limit(MOST_LEAVING)
        .subquery()
    )
    return db.scalar(select(func.count()).select_from(found)) or 0


def _newest_mail() -> Any:
    return (
        select(func.max(OutgoingMessage.id))
        .where(
            OutgoingMessage.recipient == Invitation.address,
            OutgoingMessage.kind.in_(KINDS),
        )
        .correlate(Invitation)
        .scalar_subquery()
    )

"""Whom the list awaits: listed people without a password, and how those invited are getting on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, not_, or_, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.outbox import Kind
from app.models.invitations import Invitation
from app.models.people import Status, User
from app.models.records import OutgoingMessage
from app.models.rosters import Change, RosterChange, RosterLine

WEEK = 7 * 24
"""Hours in which nobody is invited twice, unless that is asked for."""

LINK_LASTS = 24
"""Hours that the link of an invitation works: a mail before that would help nobody."""

LOOKED_AT = 5_000
"""People of the list who are looked at to say how many wait."""

CHUNK = 1_000
"""People who are looked at in one statement to find the next that wait."""


@dataclass(frozen=True)
class Scope:
    """Whom to invite: everybody on the list, or those whom an import added, or some of either.

    `again_of` names a job whose people are meant once more; `again_after` is in hours.
    """

    import_id: int | None = None
    class_name: str = ""
    lo_root_id: str = ""
    again_of: int | None = None
    again_after: int = WEEK


@dataclass(frozen=True)
class Awaited:
    """Somebody who has no password yet."""

    last_name: str
    address: str
    class_name: str


@dataclass(frozen=True)
class Preview:
    """Whom a sending would reach: `waiting` people, or at least so many where not `is_all`."""

    waiting: int
    is_all: bool
    few: list[Awaited]


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


def preview(db: Session, scope: Scope, *, limit: int) -> Preview:
    """How many would be invited, and the first `limit` of them.

    Bounded for every size of list: beyond `LOOKED_AT` people it says at least how many.
    """
    looked_at = _asked_for(scope, most=LOOKED_AT)
    whole = select(func.count()).select_from(looked_at.subquery())
    waiting = select(func.count()).select_from(_waiting(scope, looked_at).subquery())
    return Preview(
        waiting=db.scalar(waiting) or 0,
        is_all=(db.scalar(whole) or 0) < LOOKED_AT,
        few=_lines_of(db, _first(db, _waiting(scope, looked_at), limit)),
    )


def count(db: Session, scope: Scope) -> int:
    """How many people wait for an invitation: linear in the list, so for commands and jobs."""
    found = _waiting(scope, _asked_for(scope))
    return db.scalar(select(func.count()).select_from(found.subquery())) or 0


def next_addresses(db: Session, scope: Scope, *, after: str, limit: int) -> list[str]:
    """The next of those who wait, by address; none once everybody was looked at."""
    while True:
        looked_at = _asked_for(scope, after=after, most=CHUNK)
        found = _first(db, _waiting(scope, looked_at), limit)
        if found:
            return found
        last = db.scalar(select(func.max(looked_at.subquery().c.address)))
        if last is None:
            return []
        after = last


def invited_by(
    db: Session, job_id: int, *, only_open: bool, after: str, limit: int
) -> list[Invited]:
    """The people whom this job was the last to invite, by address; `only_open` without password."""
    has_password = _has_password(User)
    query = (
        select(
            Invitation.address, User.last_name, User.id, func.coalesce(has_password, false()),
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
        query = query.where(not_(func.coalesce(has_password, false())))
    return [Invited(*row) for row in db.execute(query)]


def cutoff(scope: Scope, now: datetime) -> datetime:
    """Who was invited after this moment is not invited again."""
    return now - timedelta(hours=scope.again_after)


def _waiting(scope: Scope, looked_at: Select[Any]) -> Select[Any]:
    """Those of `looked_at` who have no password, may come in, and were not written to lately."""
    address = looked_at.subquery().c.address
    wanted = [RosterLine.address == address, RosterLine.active.is_(True)]
    if scope.class_name:
        wanted.append(RosterLine.class_name == scope.class_name)
    if scope.lo_root_id:
        wanted.append(RosterLine.lo_root_id == scope.lo_root_id)
    fresh = exists().where(
        Invitation.address == address, Invitation.invited_at > cutoff(scope, clock.now())
    )
    settled = exists().where(
        User.address == address, or_(_has_password(User), not_(_may_be_here()))
    )
    shared = select(User.shared_address).where(User.shared_address.is_not(None))
    found = select(address).where(not_(settled), not_(fresh), address.not_in(shared))
    is_plain = scope.import_id is None and scope.again_of is None and len(wanted) == 2
    # Whoever was looked at is on the list, where nothing but the list was asked for.
    return found if is_plain else found.where(exists().where(*wanted))


def _asked_for(scope: Scope, *, after: str = "", most: int | None = None) -> Select[Any]:
    """The addresses in question, each once, in order: of the list, an import, or a sending."""
    if scope.again_of is not None:
        column, which = Invitation.address, Invitation.job_id == scope.again_of
    elif scope.import_id is not None:
        column = RosterChange.address
        which = and_(
            RosterChange.import_id == scope.import_id, RosterChange.change == Change.ADDED.value
        )
    else:
        column, which = RosterLine.address, RosterLine.active.is_(True)
    asked = select(column.label("address")).where(which, column > after).distinct()
    return asked.order_by(column).limit(most) if most is not None else asked


def _first(db: Session, found: Select[Any], limit: int) -> list[str]:
    address = found.selected_columns[0]
    return list(db.scalars(found.order_by(address).limit(limit)))


def _lines_of(db: Session, addresses: list[str]) -> list[Awaited]:
    lines = (
        select(RosterLine.last_name, RosterLine.address, RosterLine.class_name)
        .where(RosterLine.address.in_(addresses), RosterLine.active.is_(True))
        .order_by(RosterLine.address, RosterLine.id.desc())
    )
    found = {address: Awaited(name, address, of) for name, address, of in db.execute(lines)}
    return list(found.values())


def _has_password(person: type[User]) -> ColumnElement[bool]:
    return and_(person.password_hash.is_not(None), person.password_hash != "")


def _may_be_here() -> ColumnElement[bool]:
    """What `users.shut_out_reason` asks of status and expiry, as a condition."""
    today = datetime.combine(clock.today(), time.min, tzinfo=UTC)
    return or_(
        User.enforced.is_(False),
        and_(
            func.lower(func.trim(User.status)) == Status.ACTIVE.lower(),
            or_(User.expiry_date.is_(None), User.expiry_date >= today),
        ),
    )


def _newest_mail() -> Any:
    return (
        select(func.max(OutgoingMessage.id))
        .where(
            OutgoingMessage.recipient == Invitation.address,
            OutgoingMessage.kind == Kind.INVITATION.value,
        )
        .correlate(Invitation)
        .scalar_subquery()
    )

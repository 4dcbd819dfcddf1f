"""Who may be here: the conditions that every sign-in and every request asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session

from app.core import clock
from app.models.people import Entitlement, RoleGrant, Source, Status, User
from app.models.rosters import RosterLine

ACCOUNT_TERM = timedelta(days=730)
"""How long an account is good for, as the legacy application has it."""


@cache
def on_list() -> ColumnElement[bool]:
    """The SQL condition under which the list does not keep a `User` out.

    Let in is who has an active line in the list in force, or an LO Root ID that is not the
    roster's, or a role, or an account that no roster ever vouched for.
    """
    return or_(
        User.from_roster.is_(False),
        exists().where(RosterLine.address == User.address, RosterLine.active.is_(True)),
        exists().where(Entitlement.user_id == User.id, Entitlement.source != Source.ROSTER.value),
        exists().where(RoleGrant.user_id == User.id),
    )


@cache
def has_password() -> ColumnElement[bool]:
    """The SQL condition under which a `User` has a password; its negation has an index.

    `User.has_password` says the same of one row: what cannot be read never stays in the column
    (the revision `readable_passwords` and every adoption empty it; see `hashing.is_readable`).
    """
    return User.password_hash.is_not(None)


def beginning_of_today() -> datetime:
    """The moment at which this UTC day began: expiry dates from then on are still good."""
    return datetime.combine(clock.today(), time(), UTC)


def is_open(today: ColumnElement[datetime] | None = None) -> ColumnElement[bool]:
    """The SQL condition under which neither status nor expiry date keeps a `User` out.

    `today` is `beginning_of_today` as a parameter, for statements made once.
    """
    since = beginning_of_today() if today is None else today
    return or_(
        User.enforced.is_(False),
        and_(
            func.lower(func.trim(User.status)) == Status.ACTIVE.lower(),
            or_(User.expiry_date.is_(None), User.expiry_date >= since),
        ),
    )


def shut_out_reason(user: User, *, listed: bool) -> str | None:
    """Why this person may not be here: `suspended`, `expired`, `off_list`; None if they may.

    An expiry date is good through the whole of its day. Of a row that came with a legacy
    database neither counts until the maintainer chose what they are to mean.
    """
    if user.enforced:
        if user.status.strip().casefold() != Status.ACTIVE.casefold():
            return "suspended"
        if user.expiry_date is not None and clock.today() > user.expiry_date.date():
            return "expired"
    return None if listed else "off_list"


def find(db: Session, address: str, typed: str) -> tuple[User, bool] | None:
    """Whom this address names, and whether the list lets them in; None for nobody.

    `address` is the canonical form of what was `typed`. Where several legacy accounts share one
    form, each is found by the exact spelling of its own address alone.
    """
    rows = db.execute(_finding(), {"address": address}).all()
    shared = [row for row in rows if row[0].address != address]
    same = [row for row in shared if row[0].email == typed]
    # Browsers cut outer blanks off an address, so that one with blanks could never be typed.
    same = same or [row for row in shared if row[0].email.strip() == typed.strip()]
    same = same or [row for row in rows if row[0].address == address]
    return (same[0][0], bool(same[0][1])) if len(same) == 1 else None


def counted_as(db: Session, address: str) -> list[User]:
    """Everybody whose tries are counted under this canonical address: mostly one, or nobody."""
    whose = or_(User.address == address, User.shared_address == address)
    return list(db.scalars(select(User).where(whose).order_by(User.id)))


def is_shared(db: Session, address: str) -> bool:
    """Whether several legacy accounts share this canonical address, so that nobody new gets it."""
    found = db.scalar(select(User.id).where(User.shared_address == address).limit(1))
    return found is not None


def get(db: Session, user_id: int) -> tuple[User, bool]:
    """The person with this id, as they stand now, and whether the list lets them in."""
    row = db.execute(_getting(), {"user_id": user_id}).one()
    return row[0], bool(row[1])


def hold(db: Session, user_id: int) -> None:
    """Hold the person's row until the caller commits; nothing happens where they are gone.

    It comes first in every journey, before codes, counts and ways in: two at once would else wait
    for each other. SQLite has one writer at a time, and needs none of it.
    """
    db.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


def find_by_id(db: Session, user_id: int) -> tuple[User, bool] | None:
    """As `get`, for an id that may be nobody's: None then."""
    row = db.execute(_getting(), {"user_id": user_id}).one_or_none()
    return None if row is None else (row[0], bool(row[1]))


# Statements that every sign-in asks are made once: making one takes longer than its answer.


@cache
def _finding() -> Select[User, bool]:
    address: BindParameter[str] = bindparam("address")
    return (
        select(User, on_list())
        .where(or_(User.address == address, User.shared_address == address))
        .order_by(User.id)
    )


@cache
def _getting() -> Select[User, bool]:
    found = select(User, on_list()).where(User.id == bindparam("user_id"))
    return found.execution_options(populate_existing=True)


@dataclass(frozen=True)
class Row:
    """A person as a list shows them; `reason` says why they are kept out, None if they are not."""

    user: User
    reason: str | None
    last_seen_at: datetime | None

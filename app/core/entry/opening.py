"""How an account is opened: for a listed person, or for anybody where that is allowed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import hashing
from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import signin
from app.core.entry.signin import Entered
from app.core.entry.terms import Terms
from app.core.errors import LinkDead, NoLongerListed
from app.core.people import limited, users
from app.core.proof import codes
from app.core.roster import entitlements
from app.models.access import Purpose
from app.models.people import CameBy, Status, User
from app.models.rosters import RosterLine

METHOD = "registration"


@dataclass(frozen=True)
class Opened(Entered):
    """Somebody who was let in, by an account that was opened just now."""


def open_account(
    db: Session, address: str, code_id: int, password: str, terms: Terms, origin: Origin
) -> Opened:
    """Use up the code, open the account that the list has for `address`, and let its owner in.

    Raises `WrongCode` where the code was used meanwhile, `NoLongerListed`, or `LinkDead` where
    the address has an account by now.
    """
    db.rollback()  # No transaction waits for bcrypt.
    with terms.lane():
        password_hash = hashing.hash_password(password, rounds=terms.rounds)
    # Waited for before the code is used up: in Redis no rollback gives it back.
    entitlements.hold_list(db)
    codes.use(db, Purpose.REGISTRATION, address, code_id)
    user = open_listed(db, address, origin, password_hash=password_hash)
    lifetimes = terms.lifetimes
    entered = signin.admit(
        db, user.id, METHOD, origin, remember=terms.remember, lifetimes=lifetimes
    )
    return Opened(entered.user, entered.token, entered.remember, entered.session_id)


def open_listed(
    db: Session,
    address: str,
    origin: Origin,
    *,
    password_hash: str | None = None,
    came_by: CameBy | None = None,
    proven: bool = True,
) -> User:
    """Open the account that the list has for `address`; `proven` says that the mailbox is.

    `came_by` is the door that asked for it, where it goes again unless it is confirmed. Raises
    `NoLongerListed`, or `LinkDead` where the address has an account by now.
    """
    # An import at work is waited for, so that nobody comes in by the line that it takes away.
    entitlements.hold_list(db)
    line = db.scalars(
        select(RosterLine)
        .where(RosterLine.address == address, RosterLine.active.is_(True))
        .order_by(RosterLine.id)
        .limit(1)
    ).first()
    if line is None:
        raise NoLongerListed
    user = _open(
        db, address, origin, last_name=line.last_name, email=line.email, hash_=password_hash,
        came_by=came_by, proven=proven,
    )  # fmt: skip
    entitlements.follow_list(db, User.id == user.id)
    return user


def open_unlisted(
    db: Session,
    address: str,
    email: str,
    came_by: CameBy,
    origin: Origin,
    *,
    last_name: str = "",
    proven: bool = True,
) -> User:
    """Open an account without a password for somebody who is on no list.

    `proven` says that the mailbox is. Raises `LinkDead` where the address has an account by now.
    """
    return _open(
        db, address, origin, last_name=last_name, email=email, hash_=None, came_by=came_by,
        proven=proven,
    )  # fmt: skip


def _open(
    db: Session,
    address: str,
    origin: Origin,
    *,
    last_name: str,
    email: str,
    hash_: str | None,
    came_by: CameBy | None = None,
    proven: bool,
) -> User:
    if users.is_shared(db, address):
        raise LinkDead
    now = clock.now()
    user = User(
        last_name=last_name,
        email=email,
        address=address,
        status=Status.ACTIVE.value,
        date_added=now,
        expiry_date=now + users.ACCOUNT_TERM,
        password_hash=hash_,
        verified_at=now if proven else None,
        came_by=came_by.value if came_by else None,
    )
    db.add(user)
    try:
        db.flush()  # A second account for the address is a clash here, to be said in words.
    except IntegrityError:
        db.rollback()
        raise LinkDead from None
    if proven:
        limited.end_of(db, address)
    actor_id = user.id if proven else None  # Whoever asked may be anybody.
    audit.record(db, Event.ACCOUNT_OPENED, origin, user_id=user.id, actor_id=actor_id)
    return user

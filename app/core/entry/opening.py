"""How an account is opened for a listed person whose mailed code or link was proven."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import hashing
from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import letters, signin
from app.core.entry.signin import Entered
from app.core.entry.terms import Terms
from app.core.errors import LinkDead, NoLongerListed
from app.core.people import users
from app.core.proof import codes
from app.core.roster import entitlements
from app.models.access import Purpose
from app.models.people import Status, User
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
    codes.use(db, Purpose.REGISTRATION, address, code_id)
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
    if users.is_shared(db, address):
        raise LinkDead
    now = clock.now()
    user = User(
        last_name=line.last_name,
        email=line.email,
        address=address,
        status=Status.ACTIVE.value,
        date_added=now,
        expiry_date=now + letters.ACCOUNT_TERM,
        password_hash=password_hash,
        verified_at=now,
    )
    db.add(user)
    try:
        db.flush()  # A second account for the address is a clash here, to be said in words.
    except IntegrityError:
        db.rollback()
        raise LinkDead from None
    entitlements.follow_list(db, User.id == user.id)
    audit.record(db, Event.ACCOUNT_OPENED, origin, user_id=user.id, actor_id=user.id)
    lifetimes = terms.lifetimes
    entered = signin.admit(db, user.id, METHOD, origin, remember=False, lifetimes=lifetimes)
    return Opened(entered.user, entered.token, entered.remember)

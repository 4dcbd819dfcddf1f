"""How a listed person gets an account: a mailed code first, then the password.

Step one answers alike for everybody and writes the same rows; only the mailbox learns more.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import hashing
from app.addresses import canonical
from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import choosing, letters, signin
from app.core.entry.choosing import NotBoth
from app.core.entry.signin import Entered
from app.core.entry.terms import Terms
from app.core.errors import LinkDead, NoLongerListed, WrongCode
from app.core.people import users
from app.core.proof import codes, links
from app.core.proof.links import Link
from app.core.roster import entitlements
from app.models.access import Purpose
from app.models.people import Status, User
from app.models.rosters import RosterLine

PURPOSE = Purpose.REGISTRATION
METHOD = "registration"


def begin(db: Session, last_name: str, email: str, *, terms: Terms, origin: Origin) -> str:
    """Answer a request to register by mail, whatever the truth is; the canonical address.

    Raises `BadAddress` for what is no address at all.
    """
    address = canonical(email)
    kind = letters.to_register(db, email, last_name)
    letters.send(db, kind, email, terms=terms)
    audit.record(db, Event.REGISTRATION_ASKED, origin, address=address, answer=kind.value)
    return address


def finish(
    db: Session, email: str, code: str, password: str, *, terms: Terms, origin: Origin
) -> Entered:
    """Open the account of whoever has the mailed code, and let them in.

    Raises `BadAddress`, or `NotBoth` with what is wrong with the code, the password, or both;
    the code is used up only when both are fine.
    """
    address = canonical(email)

    def send_again() -> None:
        letters.send(db, letters.to_register(db, email, None), email, terms=terms)

    code_id = choosing.prove(
        db, PURPOSE, address, code, password, send_again=send_again, terms=terms, origin=origin
    )
    try:
        return _open_account(db, address, code_id, password, terms, origin)
    except WrongCode as late:
        raise NotBoth(late, None) from None


def read_link(db: Session, token: str, *, terms: Terms) -> dict[str, Any]:
    """What a mailed link carries: `address`, `digits`, `code_id`.

    Looking uses nothing up. Raises `LinkDead`.
    """
    facts = links.read(Link.REGISTRATION, token, lifetime=terms.code_lifetime, keys=terms.keys)
    if not codes.is_unused(db, facts["code_id"]):
        raise LinkDead
    return facts


def finish_by_link(
    db: Session, token: str, password: str, *, terms: Terms, origin: Origin
) -> Entered:
    """Open the account by the mailed link alone, which no count of wrong codes can close.

    Raises `LinkDead`, or `NotBoth` with what is wrong with the password.
    """
    facts = read_link(db, token, terms=terms)
    unfit = choosing.password_problem(password, facts["address"], terms)
    if unfit is not None:
        raise NotBoth(None, unfit)
    try:
        return _open_account(db, facts["address"], facts["code_id"], password, terms, origin)
    except WrongCode:
        raise LinkDead from None


def _open_account(
    db: Session, address: str, code_id: int, password: str, terms: Terms, origin: Origin
) -> Entered:
    db.rollback()  # No transaction waits for bcrypt.
    with terms.lane():
        password_hash = hashing.hash_password(password, rounds=terms.rounds)
    codes.use(db, PURPOSE, address, code_id)
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
    return signin.admit(db, user.id, METHOD, origin, remember=False, lifetimes=terms.lifetimes)

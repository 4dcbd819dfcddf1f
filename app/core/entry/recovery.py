"""How somebody who has an account gets a new password, or a first one.

Every door answers alike for everybody and writes the same rows; the mail says the truth. The
mail carries a link, stamped with the state it was issued for, and a code as the way out.
"""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app import hashing
from app.addresses import canonical
from app.core import audit, clock, outbox
from app.core.audit import Event, Origin
from app.core.entry import choosing, letters, signin
from app.core.entry.choosing import NotBoth
from app.core.entry.signin import Entered
from app.core.entry.terms import Terms
from app.core.errors import N_, LinkDead, PasswordRefused, WrongCode
from app.core.outbox import Kind
from app.core.people import roles, sessions, users
from app.core.proof import codes, links, passwords, stamps
from app.core.proof.links import Link
from app.models.access import FormerPassword, Purpose, SignInSession
from app.models.people import User

REMEMBERED = 5
"""Passwords that are not taken again, the present one among them."""

LINKS = {Purpose.RESET: Link.RESET, Purpose.SETUP: Link.SETUP}


def ask_reset(db: Session, email: str, *, terms: Terms, origin: Origin) -> str:
    """Answer "I forgot my password" by mail, whatever the truth is; the canonical address.

    Raises `BadAddress` for what is no address at all.
    """
    address = canonical(email)
    _ask(db, address, None, terms, origin)
    return address


def ask_setup(db: Session, last_name: str, email: str, *, terms: Terms, origin: Origin) -> str:
    """Answer "this is my first time" by mail, whatever the truth is; the canonical address.

    Raises `BadAddress` for what is no address at all.
    """
    address = canonical(email)
    _ask(db, address, last_name, terms, origin)
    return address


def read_link(db: Session, purpose: Purpose, token: str, *, terms: Terms) -> User:
    """The person a mailed link was issued for. Raises `LinkDead`; looking uses nothing up."""
    lifetime = letters.lifetime_of(purpose, terms)
    facts = links.read(LINKS[purpose], token, lifetime=lifetime, keys=terms.keys)
    user = db.get(User, facts["user"])
    if user is None or stamps.stamp_of(user) != facts["stamp"]:
        raise LinkDead
    return _as_read(db, user)


def choose_by_link(
    db: Session, purpose: Purpose, token: str, password: str, *, terms: Terms, origin: Origin
) -> Entered:
    """Set the password of whom the link was mailed to, and let them in.

    Raises `LinkDead`, or `NotBoth` with what is wrong with the password.
    """
    user = read_link(db, purpose, token, terms=terms)
    unfit = choosing.password_problem(password, user.address or "", terms)
    if unfit is None:
        unfit = _unfit_for(db, user, password, terms)
    if unfit is not None:
        raise NotBoth(None, unfit)
    return _set_password(db, user, purpose, password, terms, origin)


def choose_by_code(
    db: Session,
    purpose: Purpose,
    email: str,
    code: str,
    password: str,
    *,
    terms: Terms,
    origin: Origin,
) -> Entered:
    """Set the password of whoever has the mailed code, and let them in.

    Raises `BadAddress`, or `NotBoth` with what is wrong with the code, the password, or both.
    """
    address = canonical(email)

    def send_again() -> None:
        letters.send(db, letters.to_recover(db, address, None), address, terms=terms)

    code_id = choosing.prove(
        db, purpose, address, code, password, send_again=send_again, terms=terms, origin=origin
    )
    found = users.find(db, address)
    if found is None:
        raise NotBoth(WrongCode(), None)
    user = _as_read(db, found[0])
    unfit = _unfit_for(db, user, password, terms)
    if unfit is not None:
        choosing.refuse_password(db, purpose, address, unfit, origin)
    try:
        return _set_password(db, user, purpose, password, terms, origin, code_id=code_id)
    except (WrongCode, LinkDead):
        raise NotBoth(WrongCode(), None) from None


def _as_read(db: Session, user: User) -> User:
    # What is claimed later is the state that was looked at, so it must not be loaded anew.
    db.expunge(user)
    return user


def _ask(db: Session, address: str, last_name: str | None, terms: Terms, origin: Origin) -> None:
    kind = letters.to_recover(db, address, last_name)
    letters.send(db, kind, address, terms=terms)
    audit.record(db, Event.RECOVERY_ASKED, origin, address=address, answer=kind.value)


def _unfit_for(db: Session, user: User, password: str, terms: Terms) -> PasswordRefused | None:
    former = db.scalars(
        select(FormerPassword.password_hash)
        .where(FormerPassword.user_id == user.id)
        .order_by(FormerPassword.id.desc())
        .limit(REMEMBERED - 1)
    ).all()
    has_role = bool(roles.permissions_of(db, user.id))
    db.rollback()  # No transaction waits for bcrypt.
    # What a role asks for is said only now, when it is proven who is asking.
    if has_role and len(password) < terms.role_least:
        return passwords.too_short(password, terms.role_least)
    for stored in [user.password_hash, *former]:
        if hashing.is_readable(stored) and hashing.verify_password(
            password, stored, rounds=terms.rounds
        ):
            return PasswordRefused(N_("You used this password before. Choose another one."))
    return None


def _set_password(
    db: Session,
    user: User,
    purpose: Purpose,
    password: str,
    terms: Terms,
    origin: Origin,
    *,
    code_id: int | None = None,
) -> Entered:
    db.rollback()  # No transaction waits for bcrypt.
    fresh = hashing.hash_password(password, rounds=terms.rounds)
    now = clock.now()
    # Of two uses at once the second finds the account moved, and changes nothing.
    claimed = db.scalar(
        update(User)
        .where(stamps.unmoved(user))
        .values(password_hash=fresh, verified_at=now)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    if claimed is None:
        raise LinkDead
    address = user.address or user.email
    if code_id is not None:
        codes.use(db, purpose, address, code_id)
    for each in LINKS:
        codes.end_all(db, each, address)
    _remember_former(db, user)
    sessions.end_all_of(db, SignInSession.user_id == user.id, "password_changed")
    outbox.queue(
        db, Kind.PASSWORD_CHANGED, address, user_id=user.id, locale=user.locale, ip=origin.ip
    )
    audit.record(
        db, Event.PASSWORD_CHANGED, origin, user_id=user.id, actor_id=user.id, method=purpose.value
    )
    return signin.admit(
        db, user.id, purpose.value, origin, remember=False, lifetimes=terms.lifetimes
    )


def _remember_former(db: Session, user: User) -> None:
    if not hashing.is_readable(user.password_hash):
        return
    db.add(FormerPassword(user_id=user.id, password_hash=user.password_hash, set_at=clock.now()))
    kept = (
        select(FormerPassword.id)
        .where(FormerPassword.user_id == user.id)
        .order_by(FormerPassword.id.desc())
        .limit(REMEMBERED - 1)
    )
    db.flush()  # The row just written is one of those that are kept.
    db.execute(
        delete(FormerPassword)
        .where(FormerPassword.user_id == user.id, FormerPassword.id.not_in(kept))
        .execution_options(synchronize_session=False)
    )

"""The one door: every way to sign in ends in `admit()` or `refuse()`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from app import hashing
from app.addresses import BadAddress, canonical
from app.core import audit, throttle
from app.core.audit import Event, Origin
from app.core.entry import letters
from app.core.entry.terms import Terms
from app.core.errors import CannotSignIn, Refusal, TooManyTries
from app.core.outbox import Kind
from app.core.people import sessions, users
from app.core.people.sessions import Lifetimes
from app.models.people import User

PASSWORD_TRIES = 10
PASSWORD_WINDOW = timedelta(minutes=15)


@dataclass(frozen=True)
class Entered:
    """Somebody who was let in: the person, and the token that their cookie is to carry."""

    user: User
    token: str
    remember: bool


def with_password(
    db: Session,
    email: str,
    password: str,
    *,
    remember: bool,
    terms: Terms,
    origin: Origin,
) -> Entered:
    """Sign in by address and password.

    The try is counted and committed before the hash, for known and unknown addresses alike, and
    the same work is done for both. Who has no password that we can read is mailed a link to set
    one. Raises `CannotSignIn` or `TooManyTries`.
    """
    address = _counted_form(email)
    try:
        throttle.count(db, "password", address, limit=PASSWORD_TRIES, window=PASSWORD_WINDOW)
    except TooManyTries as refusal:
        refuse(db, refusal, "password", origin, address=address)
    found = users.find(db, address)
    user_id, stored = (found[0].id, found[0].password_hash) if found else (None, None)
    db.rollback()  # No transaction waits for bcrypt.
    right = hashing.verify_password(password, stored, rounds=terms.rounds)
    if user_id is None or stored is None or not right:
        if user_id is not None and not hashing.is_readable(stored):
            letters.send(db, Kind.SETUP, address, terms=terms)
        refuse(db, CannotSignIn(), "password", origin, address=address, why="wrong")
    if hashing.needs_rehash(stored, rounds=terms.rounds):
        _renew_hash(db, user_id, stored, hashing.hash_password(password, rounds=terms.rounds))
    entered = admit(db, user_id, "password", origin, remember=remember, lifetimes=terms.lifetimes)
    # Only who was let in starts anew: else the pause would tell that a password was right.
    throttle.clear(db, "password", address)
    return entered


def admit(
    db: Session,
    user_id: int,
    method: str,
    origin: Origin,
    *,
    remember: bool,
    lifetimes: Lifetimes,
) -> Entered:
    """Let in somebody who proved who they are, unless they may not be here any more.

    Opens the session, counts the visit and leaves an audit entry. The caller commits.
    """
    user, listed = users.get(db, user_id)
    reason = users.shut_out_reason(user, listed=listed)
    if reason is not None:
        refuse(db, CannotSignIn(), method, origin, user_id=user.id, why=reason)
    token = sessions.open_session(
        db, user.id, method=method, remember=remember, lifetimes=lifetimes, origin=origin
    )
    db.execute(
        update(User)
        .where(User.id == user.id)
        .values(visit_count=func.coalesce(User.visit_count, 0) + 1)
    )
    audit.record(
        db, Event.SIGN_IN_ADMITTED, origin, user_id=user.id, actor_id=user.id, method=method
    )
    return Entered(user, token, remember)


def refuse(
    db: Session,
    refusal: Refusal,
    method: str,
    origin: Origin,
    *,
    user_id: int | None = None,
    **details: Any,
) -> NoReturn:
    """Remember that somebody was not let in, commit that, and raise `refusal`.

    It commits by itself because what is raised makes the edge roll back.
    """
    audit.record(
        db,
        Event.SIGN_IN_REFUSED,
        origin,
        user_id=user_id,
        method=method,
        refusal=refusal.code,
        **details,
    )
    db.commit()
    raise refusal


def sign_out(db: Session, token: str, origin: Origin) -> None:
    """End the session that `token` names; a token that names none is fine too."""
    user_id = sessions.end_session(db, token, "signed_out")
    if user_id is not None:
        audit.record(db, Event.SESSION_ENDED, origin, user_id=user_id, actor_id=user_id)


def _counted_form(email: str) -> str:
    # What is no address belongs to nobody, yet is counted and answered like one that is.
    try:
        return canonical(email)
    except BadAddress:
        return email.strip().lower()[:254].encode("utf-8", "replace").decode().replace("\0", "")


def _renew_hash(db: Session, user_id: int, stored: str, fresh: str) -> None:
    db.execute(
        update(User)
        .where(User.id == user_id, User.password_hash == stored)
        .values(password_hash=fresh)
    )

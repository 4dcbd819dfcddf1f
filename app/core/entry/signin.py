"""The one door: every way to sign in ends in `admit()` or `refuse()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import hashing
from app.core import audit, clock, outbox
from app.core.audit import Event, Origin
from app.core.entry import letters, pausing
from app.core.entry.terms import Terms
from app.core.errors import CannotSignIn, Refusal, TooManyTries
from app.core.outbox import Kind
from app.core.people import agents, sessions, users
from app.core.people.sessions import Lifetimes
from app.core.proof import guesses
from app.core.proof.guesses import Guess
from app.models.people import User

MAILBOX_METHODS = {"registration", "reset", "setup", "first_admin"}
"""Ways in that begin in the mailbox, or at the console: a mail about them would be no news."""


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
    known: bool = False,
    terms: Terms,
    origin: Origin,
) -> Entered:
    """Sign in by address and password; `known` where this browser came in with it before.

    First the lane is asked, which may raise `Busy`: then nothing was looked up or counted. The
    try is counted and committed before the hash, for known and unknown addresses alike, and
    the same work is done for both. Who has no password that we can read is mailed a link to set
    one, or why they may not be here. Raises `CannotSignIn` or `TooManyPasswords`.
    """
    address = guesses.counted_form(email)
    with terms.lane():
        guess = _count(db, address, "password", origin, known=known)
        found = users.find(db, address, email)
        user_id, stored = (found[0].id, found[0].password_hash) if found else (None, None)
        db.rollback()  # No transaction waits for bcrypt.
        right = hashing.verify_password(password, stored, rounds=terms.rounds)
        fresh = None
        if right and stored is not None and hashing.needs_rehash(stored, rounds=terms.rounds):
            fresh = hashing.hash_password(password, rounds=terms.rounds)
    if user_id is None or stored is None or not right:
        if user_id is not None and not hashing.is_readable(stored):
            letters.send(db, letters.to_recover(db, email, None), email, terms=terms)
        elif guess.is_last:
            pausing.begin(db, address, email, terms=terms, origin=origin)
        refuse(db, CannotSignIn(), "password", origin, address=address, why="wrong")
    if fresh is not None:
        _renew_hash(db, user_id, stored, fresh)
    entered = admit(db, user_id, "password", origin, remember=remember, lifetimes=terms.lifetimes)
    # Only who was let in starts anew: else the pause would tell that a password was right.
    guesses.forgive(db, guess)
    return entered


def check_password(
    db: Session, user: User, password: str, *, known: bool = False, terms: Terms, origin: Origin
) -> None:
    """Ask somebody who is signed in for their password again; it counts as a try to sign in.

    Raises `Busy`, `CannotSignIn` or `TooManyPasswords`.
    """
    user_id, address, email = user.id, user.counted_as, user.email
    with terms.lane():
        guess = _count(db, address, "confirm", origin, known=known)
        stored = db.scalar(select(User.password_hash).where(User.id == user_id))
        db.rollback()  # No transaction waits for bcrypt.
        right = hashing.verify_password(password, stored, rounds=terms.rounds)
    if not right:
        if guess.is_last:
            pausing.begin(db, address, email, terms=terms, origin=origin)
        refuse(db, CannotSignIn(), "confirm", origin, user_id=user_id, why="wrong")
    guesses.forgive(db, guess)


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

    Opens the session, counts the visit, leaves an audit entry, and writes to them where the
    browser is one that they never signed in with. The caller commits.
    """
    user, listed = users.get(db, user_id)
    reason = users.shut_out_reason(user, listed=listed)
    if reason is not None:
        refuse(db, CannotSignIn(), method, origin, user_id=user.id, why=reason)
    # The person's row comes first in every journey: two at once would else wait for each other.
    db.execute(
        update(User)
        .where(User.id == user.id)
        .values(visit_count=func.coalesce(User.visit_count, 0) + 1)
    )
    if method not in MAILBOX_METHODS and not sessions.was_here(db, user.id, origin.device):
        _tell_of_new_device(db, user, method, origin)
    token = sessions.open_session(
        db, user.id, method=method, remember=remember, lifetimes=lifetimes, origin=origin
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


def _count(db: Session, address: str, method: str, origin: Origin, *, known: bool) -> Guess:
    try:
        return guesses.count(db, address, origin, known=known)
    except TooManyTries as refusal:
        refuse(db, refusal, method, origin, address=address)


def _tell_of_new_device(db: Session, user: User, method: str, origin: Origin) -> None:
    outbox.queue(
        db,
        Kind.NEW_DEVICE,
        user.mailbox,
        user_id=user.id,
        locale=user.locale,
        alarm=True,
        agent=agents.describe(origin.user_agent),
        place=origin.place,
        at=clock.now().isoformat(),
        method=method,
    )


def _renew_hash(db: Session, user_id: int, stored: str, fresh: str) -> None:
    db.execute(
        update(User)
        .where(User.id == user_id, User.password_hash == stored)
        .values(password_hash=fresh)
    )

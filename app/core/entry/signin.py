"""The one door: every way to sign in ends in `admit()` or `refuse()`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NoReturn, cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from app import hashing
from app.core import audit, clock, floods, outbox
from app.core.audit import Event, Origin
from app.core.entry import letters, pausing, renewing
from app.core.entry.terms import Terms
from app.core.errors import CannotSignIn, CodesAway, Refusal, TooManyTries
from app.core.outbox import Cap, Kind
from app.core.people import sessions, users
from app.core.people.sessions import Lifetimes, Seat
from app.core.proof import codes, guesses
from app.core.proof.guesses import Guess
from app.models.people import User

MAILBOX_METHODS = {"registration", "reset", "setup", "first_admin"}
"""Ways in that begin in the mailbox, or at the console: a mail about them would be no news."""


@dataclass(frozen=True)
class Entered:
    """Somebody who was let in: the person, their session, and the token that names it."""

    user: User
    token: str
    remember: bool
    session_id: int


@dataclass(frozen=True)
class Account:
    """Whose password is asked for, and the hash of it that is `stored`; None for nobody."""

    user_id: int | None
    stored: str | None


@dataclass(frozen=True)
class Checked(Account):
    """What comparing a password with that hash found, and a `fresh` hash where it needs one."""

    right: bool
    fresh: str | None = None


class Moved(Exception):
    """The hash that a password was compared with is no longer the account's."""


def with_password(
    db: Session,
    email: str,
    password: str,
    *,
    remember: bool,
    known_since: datetime | None = None,
    terms: Terms,
    origin: Origin,
) -> Entered:
    """Sign in by address and password; `known_since` is when this browser last came in with it.

    First the lane is asked, which may raise `Busy`: then nothing was looked up or counted. The
    try is counted and committed before the hash, for known and unknown addresses alike, and
    the same work is done for both. Who has no password that we can read is mailed a link to set
    one, or why they may not be here. Raises `CannotSignIn` or `TooManyPasswords`.
    """
    address = guesses.counted_form(email)
    with terms.lane():
        account = _account(db, address, email)
        guess = _count(db, address, account.user_id, "password", known_since, origin)
        checked = _check(db, account, password, terms)
    while True:
        if not checked.right or checked.user_id is None:
            _refuse_password(db, address, email, checked, guess, terms, origin)
        try:
            entered = admit(
                db,
                checked.user_id,
                "password",
                origin,
                remember=remember,
                lifetimes=terms.lifetimes,
                checked=checked,
            )
        except Moved:
            # It was hashed anew by another sign-in, or replaced: then it is wrong by now.
            db.rollback()
            with terms.lane():
                checked = _check(db, _account(db, address, email), password, terms)
        else:
            # Only who was let in starts anew: else the pause would tell a password was right.
            guesses.forgive(db, guess)
            return entered


def check_password(
    db: Session,
    user: User,
    password: str,
    *,
    known_since: datetime | None = None,
    terms: Terms,
    origin: Origin,
) -> None:
    """Ask somebody who is signed in for their password again; it counts as a try to sign in.

    Raises `Busy`, `CannotSignIn` or `TooManyPasswords`.
    """
    user_id, address, email = user.id, user.counted_as, user.email
    db.rollback()  # Nobody waits for a turn with a connection in hand.
    with terms.lane():
        guess = _count(db, address, user_id, "confirm", known_since, origin)
        stored = db.scalar(select(User.password_hash).where(User.id == user_id))
        db.rollback()  # No transaction waits for bcrypt.
        right = hashing.verify_password(password, stored, rounds=terms.rounds)
    if not right:
        if guess.is_last:
            _tell_of_pause(db, address, email, terms, origin)
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
    checked: Checked | None = None,
    seat: Seat | None = None,
) -> Entered:
    """Let in somebody who proved who they are, unless they may not be here any more.

    Opens the session, counts the visit, leaves an audit entry, and writes to them where the
    browser is one that they never signed in with. Who proved a password comes in only while
    the hash that was `checked` is still theirs; else `Moved` is raised. A program gets a `seat`
    instead of a cookie; a browser opens again the doors that wrong codes had closed for its
    person. The caller commits.
    """
    user, listed = users.get(db, user_id)
    reason = users.shut_out_reason(user, listed=listed)
    if reason is not None:
        refuse(db, CannotSignIn(), method, origin, user_id=user.id, why=reason)
    # The person's row comes first in every journey: two at once would else wait for each other.
    if not _count_visit(db, user.id, checked):
        raise Moved
    if seat is None:  # Who came in on the site opens the ways that wrong codes had closed.
        codes.open_again(db, user.counted_as)
    is_news = seat is None and method not in MAILBOX_METHODS
    if is_news and not sessions.was_here(db, user.id, origin.device):
        _tell_of_new_device(db, user, method, origin)
    opened = sessions.open_session(
        db, user.id, method=method, remember=remember, lifetimes=lifetimes, origin=origin,
        seat=seat,
    )  # fmt: skip
    through = {"audience": seat.audience, "client": seat.client} if seat else {}
    audit.record(
        db, Event.SIGN_IN_ADMITTED, origin, user_id=user.id, actor_id=user.id, method=method,
        **through,
    )  # fmt: skip
    return Entered(user, opened.token, remember, opened.session_id)


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

    It commits by itself because what is raised makes the edge roll back. Of a flood of refusals
    of one kind the first ones are remembered one by one, the others as a number.
    """
    floods.record(
        db, Event.SIGN_IN_REFUSED, origin, user_id=user_id, method=method, refusal=refusal.code,
        **details,
    )  # fmt: skip
    db.commit()
    raise refusal


def sign_out(db: Session, token: str, origin: Origin) -> None:
    """End the session that `token` names; a token that names none is fine too."""
    user_id = sessions.end_session(db, token, "signed_out")
    if user_id is not None:
        audit.record(db, Event.SESSION_ENDED, origin, user_id=user_id, actor_id=user_id)


def _count(
    db: Session,
    address: str,
    user_id: int | None,
    method: str,
    known_since: datetime | None,
    origin: Origin,
) -> Guess:
    # Who came in with a password that was replaced since may have been the reason for that.
    known = known_since is not None and not (
        user_id is not None and renewing.changed_since(db, user_id, known_since)
    )
    try:
        return guesses.count(db, address, origin, known=known)
    except TooManyTries as refusal:
        refuse(db, refusal, method, origin, address=address)


def _account(db: Session, address: str, email: str) -> Account:
    found = users.find(db, address, email)
    return Account(found[0].id, found[0].password_hash) if found else Account(None, None)


def _check(db: Session, account: Account, password: str, terms: Terms) -> Checked:
    db.rollback()  # No transaction waits for bcrypt.
    stored = account.stored
    right = hashing.verify_password(password, stored, rounds=terms.rounds)
    fresh = None
    if right and stored is not None and hashing.needs_rehash(stored, rounds=terms.rounds):
        fresh = hashing.hash_password(password, rounds=terms.rounds)
    return Checked(account.user_id, stored, right, fresh)


def _refuse_password(
    db: Session,
    address: str,
    email: str,
    checked: Checked,
    guess: Guess,
    terms: Terms,
    origin: Origin,
) -> NoReturn:
    if checked.user_id is not None and not hashing.is_readable(checked.stored):
        with suppress(CodesAway):  # The answer must not tell that there was something to mail.
            letters.send(db, letters.to_recover(db, email, None), email, terms=terms)
    elif guess.is_last:
        _tell_of_pause(db, address, email, terms, origin)
    refuse(db, CannotSignIn(), "password", origin, address=address, why="wrong")


def _tell_of_pause(db: Session, address: str, email: str, terms: Terms, origin: Origin) -> None:
    # Passwords go on being tried and refused where no code can be made: the pause itself stands.
    with suppress(CodesAway):
        pausing.begin(db, address, email, terms=terms, origin=origin)


def _count_visit(db: Session, user_id: int, checked: Checked | None) -> bool:
    if checked is None:
        visit = {"of": user_id, "seen": clock.now()}
        return db.scalar(_counting_visit(checked=False), visit) is not None
    hashes = {"stored": checked.stored, "fresh": checked.fresh or checked.stored}
    visit = {"of": user_id, "seen": clock.now()} | hashes
    return db.scalar(_counting_visit(checked=True), visit) is not None


@cache
def _counting_visit(*, checked: bool) -> ReturningUpdate[int]:
    # A statement over the table, made once: it is part of every sign-in.
    people = cast(Table, User.__table__)
    row = people.c
    visit = update(people).where(row.id == bindparam("of"))
    visit = visit.values(
        visit_count=func.coalesce(row.visit_count, 0) + 1, last_seen_at=bindparam("seen")
    )
    if checked:
        visit = visit.where(row.password_hash == bindparam("stored"))
        visit = visit.values(password_hash=bindparam("fresh"))
    return visit.returning(row.id)


def _tell_of_new_device(db: Session, user: User, method: str, origin: Origin) -> None:
    outbox.queue(
        db,
        Kind.NEW_DEVICE,
        user.mailbox,
        user_id=user.id,
        locale=user.locale,
        cap=Cap.ALARM,
        user_agent=origin.user_agent,
        place=origin.place,
        at=clock.now().isoformat(),
        method=method,
    )

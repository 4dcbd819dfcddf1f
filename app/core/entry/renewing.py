"""A new password for an account, whichever road led here: what it must not be, and what it ends."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from app import hashing, phones
from app.core import audit, clock, outbox, throttle
from app.core.audit import Event, Origin
from app.core.entry.terms import Terms
from app.core.errors import N_, LinkDead, PasswordRefused
from app.core.outbox import Cap, Kind
from app.core.people import limited, roles, sessions
from app.core.proof import codes, credentials, guesses, passwords, pins, stamps, ways
from app.core.throttle import Limit
from app.database import UtcDateTime
from app.models.access import CredentialKind, FormerPassword, Purpose, SignInSession
from app.models.people import CameBy, User

REMEMBERED = 5
"""Passwords that are not taken again, the present one among them."""

MAILED = (
    Purpose.RESET, Purpose.SETUP, Purpose.CREATE, Purpose.UNPAUSE, Purpose.SIGN_IN, Purpose.API,
    Purpose.GPT,
)  # fmt: skip
"""What was mailed that opens the account, or is about its password; it ends with every new one."""

BY_PHONE = (Purpose.SIGN_IN, Purpose.API)
"""What a code to a proven number may be good for."""

CHOICES = Limit(tries=30, window=timedelta(minutes=10))
"""New passwords that one account may try: each costs up to `REMEMBERED` hashes."""


def as_read(db: Session, user: User) -> User:
    """`user` as it stands now, for `renew` to claim: later loading must not move it."""
    db.expunge(user)
    return user


def problem_for(db: Session, user: User, password: str, terms: Terms) -> PasswordRefused | None:
    """Why this account in particular must not have this password; None if it may.

    Ends the transaction, and computes up to `REMEMBERED` hashes; raises `TooManyTries` where
    that was asked for too often.
    """
    throttle.count(db, "choose", str(user.id), CHOICES)
    former = db.scalars(
        select(FormerPassword.password_hash)
        .where(FormerPassword.user_id == user.id)
        .order_by(FormerPassword.id.desc())
        .limit(REMEMBERED - 1)
    ).all()
    has_role = bool(roles.permissions_of(db, user.id))
    least = terms.role_least if has_role else 0
    if user.came_by == CameBy.OPEN.value:
        least = max(least, terms.open_least)
    db.rollback()  # No transaction waits for bcrypt.
    # What an account asks for is said only now, when it is proven who is asking.
    if len(unicodedata.normalize("NFC", password)) < least:
        return passwords.too_short(password, least)
    with terms.lane():
        for stored in [user.password_hash, *former]:
            if hashing.is_readable(stored) and hashing.verify_password(
                password, stored, rounds=terms.rounds
            ):
                return PasswordRefused(N_("You used this password before. Choose another one."))
    return None


def renew(
    db: Session,
    user: User,
    password: str,
    *,
    method: str,
    proves_mailbox: bool,
    terms: Terms,
    origin: Origin,
    but_session: int | None = None,
) -> None:
    """Give `user`, as it was read, this password; end what the old one opened; say so by mail.

    Who chooses it by mail may have lost the account to somebody before: the mail names what else
    opens it. Of two at once the second finds the account moved and raises `LinkDead`.
    `but_session` is the id of a session that goes on. The caller commits.
    """
    db.rollback()  # No transaction waits for bcrypt.
    with terms.lane():
        fresh = hashing.hash_password(password, rounds=terms.rounds)
    values = {"password_hash": fresh} | ({"verified_at": clock.now()} if proves_mailbox else {})
    claimed = db.scalar(
        update(User)
        .where(stamps.unmoved(user))
        .values(**values)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    if claimed is None:
        raise LinkDead
    left_open: dict[str, Any] = {}
    if proves_mailbox:
        if user.verified_at is None:
            pins.drop(db, user.id)
            # Not after that: a stranger's limited session would tell that there is an account.
            limited.end_of(db, user.counted_as)
        left_open = _left_open(db, user)
    end_mailed(db, user)
    remember_former(db, user)
    whose = SignInSession.user_id == user.id
    if but_session is not None:
        whose = and_(whose, SignInSession.id != but_session)
    sessions.end_all_of(db, whose, "password_changed")
    outbox.queue(
        db,
        Kind.PASSWORD_CHANGED,
        user.mailbox,
        user_id=user.id,
        locale=user.locale,
        cap=Cap.ALARM,
        ip=origin.ip,
        **left_open,
    )
    audit.record(
        db, Event.PASSWORD_CHANGED, origin, user_id=user.id, actor_id=user.id, method=method
    )


def _left_open(db: Session, user: User) -> dict[str, Any]:
    """What opens the account beside the password that is new, for the mail that says so."""
    held = ways.of(db, user.id)
    numbers = held[CredentialKind.PHONE]
    return {
        "elsewhere_left": [each.value for each in ways.PROVIDERS if held[each]],
        "phone_left": phones.masked(numbers[0].identifier) if numbers else None,
        "pin_left": pins.of(db, user.id) is not None,
    }


def end_mailed(db: Session, user: User) -> None:
    """End the codes that were mailed to `user`, and a pause."""
    for each in MAILED:
        codes.end_all(db, each, user.mailbox, counted_as=user.counted_as)
    guesses.lift(db, user.counted_as)
    for phone in credentials.of(db, user.id, CredentialKind.PHONE):
        for each in BY_PHONE:
            codes.end_all(db, each, phone.identifier)


def changed_since(db: Session, user_id: int, moment: datetime) -> bool:
    """Whether the password was replaced or taken away after `moment`."""
    return bool(db.scalar(_changing(), {"user_id": user_id, "moment": moment}))


@cache
def _changing() -> Select[bool]:
    # Made once: it is part of every sign-in from a browser that is known.
    moment = bindparam("moment", type_=UtcDateTime())
    changed = (FormerPassword.user_id == bindparam("user_id"), FormerPassword.set_at > moment)
    return select(exists().where(*changed))


def remember_former(db: Session, user: User) -> None:
    """Keep the hash that `user` had, so that it is not taken again; the oldest one goes."""
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

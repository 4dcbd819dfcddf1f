"""Who somebody is by a PIN and its passphrase, as a program hands them over.

Each try is counted before the passphrase is looked at, for a PIN that somebody has under their
address, for any other under itself; too many begin a pause, of which the owner is told by mail.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import pausing, signin
from app.core.entry.terms import Terms
from app.core.errors import CannotSignIn, TooManyTries
from app.core.people import users
from app.core.proof import guesses, pins
from app.core.proof.guesses import Guess
from app.core.proof.pins import Found
from app.models.people import User

METHOD = "pin"
UNVERIFIED, ACTIVE, BLOCKED = "UNVERIFIED", "ACTIVE", "BLOCKED"


def status(db: Session, user: User) -> str:
    """How a chat-native account stands: blocked is who may not be here, or whose PIN is paused."""
    if user.verified_at is None:
        return UNVERIFIED
    listed = users.get(db, user.id)[1]
    if users.shut_out_reason(user, listed=listed) is not None:
        return BLOCKED
    return BLOCKED if guesses.is_paused(db, guesses.PIN, user.counted_as) else ACTIVE


def prove(
    db: Session, digits: str, passphrase: str, *, terms: Terms, origin: Origin, **hints: Any
) -> User:
    """The person whose PIN and passphrase these are, if they may be here.

    `hints` join the audit entry. Raises `Busy`, before anything is counted; and, committed as
    refused, `TooManyTries`, or `CannotSignIn` whatever else was wrong. The caller commits.
    """
    db.rollback()  # Nobody waits for a turn with a connection in hand.
    with terms.lane():
        found = pins.find(db, digits)
        guess = _count(db, found, digits, origin, hints)
        db.rollback()  # No transaction waits for the slow hash.
        right = pins.matches(passphrase, found, rounds=terms.rounds)
        fresh = _fresh(found, passphrase, terms) if found and right else None
    if found is None or not right:
        if found is not None and guess.is_last:
            pausing.begin(
                db, guess.subject, found.user.email, scope=guesses.PIN, terms=terms, origin=origin
            )
        user_id = found.user.id if found else None
        signin.refuse(db, CannotSignIn(), METHOD, origin, user_id=user_id, why="wrong", **hints)
    user = _admitted(db, found, origin, hints)
    values: dict[str, Any] = {"last_used_at": clock.now()}
    if fresh is not None:
        kept = {name: each for name, each in found.data.items() if name not in {"salt", "legacy"}}
        values |= {"secret_hash": fresh, "data": kept}
    if not pins.change(db, found, **values):
        # It was replaced while the hash was computed: then it is wrong by now.
        signin.refuse(db, CannotSignIn(), METHOD, origin, user_id=user.id, why="moved", **hints)
    # Only who is let in starts anew: else the pause would tell that a passphrase was right.
    guesses.forgive(db, guess)
    audit.record(db, Event.PIN_USED, origin, user_id=user.id, actor_id=user.id, **hints)
    return user


def _count(
    db: Session, found: Found | None, digits: str, origin: Origin, hints: dict[str, Any]
) -> Guess:
    subject = found.user.counted_as if found else f"pin {digits}"
    try:
        return guesses.count_pin(db, subject)
    except TooManyTries as refusal:
        user_id = found.user.id if found else None
        signin.refuse(db, refusal, METHOD, origin, user_id=user_id, **hints)


def _fresh(found: Found, passphrase: str, terms: Terms) -> str | None:
    if not pins.needs_rehash(found, rounds=terms.rounds):
        return None
    return pins.hash_of(pins.normalise(passphrase), rounds=terms.rounds)


def _admitted(db: Session, found: Found, origin: Origin, hints: dict[str, Any]) -> User:
    now = pins.get(db, found.pin_id)
    if now is None:  # It was taken away while the hash was computed.
        signin.refuse(
            db, CannotSignIn(), METHOD, origin, user_id=found.user.id, why="moved", **hints
        )
    user, listed = users.get(db, now.user.id)
    why = users.shut_out_reason(user, listed=listed)
    if user.verified_at is None:
        why = "unverified"
    if why is not None:
        signin.refuse(db, CannotSignIn(), METHOD, origin, user_id=user.id, why=why, **hints)
    return user

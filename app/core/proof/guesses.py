"""How often a password may be tried: one budget for one secret, at every door that asks for it.

Each account has a count, which ends in a pause; a browser that has signed in to the account
before has one of its own, so that a stranger's tries do not keep the owner out (OWASP's device
cookies).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.addresses import BadAddress, canonical
from app.core import clock, throttle
from app.core.audit import Origin
from app.core.errors import TooManyPasswords, TooManyTries
from app.core.throttle import Limit

ACCOUNT, DEVICE = "password", "password:device"
PIN = "pin"
"""Tries of the passphrase of somebody's PIN, which is another secret than their password."""

WINDOW = timedelta(minutes=15)
LIMIT = Limit(
    tries=10,
    window=WINDOW,
    waits={n: timedelta(seconds=2 ** (n - 4)) for n in range(5, 10)},
)
"""Four tries at once; then 2, 4, 8, 16 and 32 seconds between them; after ten a pause."""


@dataclass(frozen=True)
class Guess:
    """A counted try: in which scope, of what, and whether it is the one that begins the pause."""

    scope: str
    subject: str
    is_last: bool


def counted_form(typed: str) -> str:
    """The canonical form of an address, or of what is none: it is counted and answered alike.

    The form of what is no address is nobody's address: the blank in it sees to that.
    """
    try:
        return canonical(typed)
    except BadAddress:
        plain = typed.strip().lower().encode("utf-8", "replace").decode()
        return f"? {plain}"[:254].replace("\0", "\ufffd")


def count(db: Session, address: str, origin: Origin, *, known: bool) -> Guess:
    """Count a try for this canonical address and commit it, before the password is looked at.

    A `known` browser has its own count, with its own waits; once that is used up it is one of
    the strangers. Raises `TooManyPasswords`.
    """
    if known and origin.device:
        subject = f"{origin.device} {address}"[:254]
        try:
            throttle.count(db, DEVICE, subject, LIMIT)
        except TooManyTries as refusal:
            if refusal.until != throttle.until(db, DEVICE, subject):
                raise TooManyPasswords(refusal.until, clock.now()) from None
        else:
            return Guess(DEVICE, subject, is_last=False)
    try:
        number = throttle.count(db, ACCOUNT, address, LIMIT)
    except TooManyTries as refusal:
        raise TooManyPasswords(refusal.until, clock.now()) from None
    return Guess(ACCOUNT, address, is_last=number == LIMIT.tries)


def count_pin(db: Session, subject: str) -> Guess:
    """Count a try of the passphrase of a PIN and commit it, before the passphrase is looked at.

    `subject` is the canonical address of whose PIN it is, or the PIN itself where nobody has it.
    Raises `TooManyTries`.
    """
    number = throttle.count(db, PIN, subject, LIMIT)
    return Guess(PIN, subject, is_last=number == LIMIT.tries)


def is_paused(db: Session, scope: str, subject: str) -> bool:
    """Whether no further try is taken until the window of this subject ends."""
    return throttle.is_used_up(db, scope, subject, LIMIT)


def forgive(db: Session, guess: Guess) -> None:
    """The password was right and its person was let in: this count begins anew."""
    throttle.clear(db, guess.scope, guess.subject)


def window_ends_at(db: Session, address: str, *, scope: str = ACCOUNT) -> datetime | None:
    """When the window of this address ends, paused or not; None where none is open."""
    return throttle.until(db, scope, address)


def lift(
    db: Session, address: str, *, ends_at: datetime | None = None, scope: str = ACCOUNT
) -> bool:
    """End the pause of this address; with `ends_at` only that very one. False if it is over."""
    return throttle.clear(db, scope, address, ends_at=ends_at)

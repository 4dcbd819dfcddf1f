"""Six digits by mail: made, hashed under a key, counted, and used once.

Bound to purpose and address, and where it matters to the requester: the cookie on the site, the
key of a GPT, the client of a widget; never a network. Five wrong tries within 15 minutes of the
first end all live codes of that scope and address, and a new code resets nothing (NIST SP
800-63B-4 §3.1.3.2). Codes that the same pages take are of one scope: else three pages would be
three times as many tries. `shelves` is where codes wait; tries are counted in the database.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, delete
from sqlalchemy.orm import Session

from app.core import clock, throttle
from app.core.errors import N_, ClosedForGood, Refusal, TooManyCodes, TooManyTries, WrongCode
from app.core.proof import shelves
from app.core.throttle import Limit
from app.models.access import Code, Purpose

DIGITS = 6
LIMIT = Limit(tries=5, window=timedelta(minutes=15), ceiling=100)
"""Wrong tries of one purpose and address; the ceiling is NIST's (SP 800-63B-4 §3.2.2)."""

BY_MAIL = (Purpose.REGISTRATION, Purpose.RESET, Purpose.SETUP, Purpose.CREATE)
"""What a mail to who asked for a password may carry: its reader cannot know which one it is."""

OF_ONE_DOOR = (Purpose.SIGN_IN, Purpose.API, Purpose.GPT)
"""What lets somebody in by itself, each at a door of its own."""

REMEMBERED = timedelta(hours=2)
"""How long a code that ran out is still told apart from a wrong one."""


class NotSixDigits(Refusal):
    """What was typed cannot be a code; it is no try."""

    code = "not_six_digits"
    status = 422
    words = N_("A code has 6 digits; this one has %(number)s.")


class RanOut(Refusal):
    """The digits are those of a code that ran out a short while ago."""

    code = "ran_out"
    status = 400
    words = N_("This code has run out.")

    def __init__(self, purpose: Purpose) -> None:
        super().__init__()
        self.purpose = purpose


@dataclass(frozen=True)
class Fitting:
    """The code that the typed digits are those of, and what it is for."""

    code_id: int
    purpose: Purpose


def issue(
    db: Session,
    purpose: Purpose,
    address: str,
    *,
    requester: str = "",
    lifetime: timedelta,
    keys: Sequence[str],
) -> tuple[int, str]:
    """Store a new code for `address`; its id, and its digits, to be mailed.

    Where a `requester` is named, nobody else can use it.
    """
    digits = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    digest = _digest(keys[0], purpose, address, digits, requester)
    return _store(db, purpose, address, digest, lifetime), digits


def issue_none(db: Session, purpose: Purpose, address: str, *, lifetime: timedelta) -> None:
    """Store a row that no digits fit, so that a stranger's request costs what a person's does."""
    _store(db, purpose, address, None, lifetime)


def check(
    db: Session,
    purpose: Purpose,
    address: str,
    typed: str,
    *,
    requester: str = "",
    counted_as: str | None = None,
    keys: Sequence[str],
) -> int:
    """As `check_any`, for codes of one purpose; the id of the one that fits."""
    return check_any(
        db, [purpose], address, typed, requester=requester, counted_as=counted_as, keys=keys
    ).code_id


def check_any(
    db: Session,
    purposes: Sequence[Purpose],
    address: str,
    typed: str,
    *,
    requester: str = "",
    counted_as: str | None = None,
    keys: Sequence[str],
) -> Fitting:
    """Count a try, compare, and return the code that fits, still unused.

    All `purposes` are of one scope; a code of another `requester` fits nobody. `counted_as` is the
    canonical form where `address` is one of several spellings of it. Raises `NotSixDigits` or
    `CodesAway` (uncounted), `TooManyTries`, `RanOut` or `WrongCode`. The count is committed before
    anything is compared; that the last try ended the codes is not, so the caller commits the
    refusal.
    """
    digits = normalise(typed)
    counted = scope(purposes[0])
    shelf = shelves.of(db)
    shelf.reach()
    try:
        number = throttle.count(db, counted, counted_as or address, LIMIT)
    except ClosedForGood:
        raise
    except TooManyTries as refusal:
        raise TooManyCodes(refusal.until) from None
    now = clock.now()
    names = [each.value for each in purposes]
    rows = shelf.unused(db, names, address, now - REMEMBERED)
    wanted = {
        each.value: [_digest(key, each, address, digits, requester) for key in keys]
        for each in purposes
    }
    fitting = [row for row in rows if any(_same(row.digest, w) for w in wanted[row.purpose])]
    known = {each.value: each for each in purposes}
    for row in fitting:
        if row.expires_at > now:
            return Fitting(row.code_id, known[row.purpose])
    if number == LIMIT.tries:
        _run_out(db, counted, address)
    raise RanOut(known[fitting[0].purpose]) if fitting else WrongCode


def use(
    db: Session, purpose: Purpose, address: str, code_id: int, *, counted_as: str | None = None
) -> None:
    """Claim the code, forget the wrong tries, and end the other codes of that address.

    Raises `WrongCode` where another request was first: a code is good once.
    """
    if code_id not in end_all(db, purpose, address, counted_as=counted_as):
        raise WrongCode


def end_all(
    db: Session, purpose: Purpose, address: str, *, counted_as: str | None = None
) -> Sequence[int]:
    """End every live code of `address`, which was proven, and forget its wrong tries; their ids."""
    ended = shelves.of(db).claim(db, purpose.value, address)
    throttle.clear(db, scope(purpose), counted_as or address)
    return ended


def end_of(db: Session, addresses: Select[str] | Sequence[str]) -> None:
    """End every code of these addresses, whatever it is for: nobody is there any more."""
    shelves.of(db).end_of(db, addresses)


def open_again(db: Session, subject: str) -> None:
    """Forget the wrong tries at every door: who came in by one opens those that had closed."""
    for each in OF_ONE_DOOR:
        throttle.clear(db, scope(each), subject)


def is_unused(db: Session, code_id: int) -> bool:
    """Whether the code is still to be used; wrong tries do not count here."""
    return shelves.of(db).is_unused(db, code_id)


def scope(purpose: Purpose) -> str:
    """The name under which wrong tries of this purpose are counted; one for all `BY_MAIL`."""
    return "code:mail" if purpose in BY_MAIL else f"code:{purpose.value}"


def mark_of(requester: str) -> str:
    """What a mailed link knows a requester by; it does not tell who that is. "" for none."""
    return hashlib.sha256(requester.encode()).hexdigest()[:22] if requester else ""


def normalise(typed: str) -> str:
    """The six digits that somebody meant: spaces, dashes, dots and foreign digits are forgiven."""
    digits = ""
    for character in typed.strip():
        if unicodedata.category(character) in {"Pd", "Zs", "Cf"} or character in ".\t":
            continue
        digit = unicodedata.digit(character, None)
        if digit is None:
            raise NotSixDigits(number=sum(map(str.isdigit, typed)))
        digits += str(digit)
    if len(digits) != DIGITS:
        raise NotSixDigits(number=len(digits))
    return digits


def tidy(db: Session) -> None:
    """Drop the codes that nobody can be told about any more; Redis does so by itself."""
    db.execute(delete(Code).where(Code.expires_at < clock.now() - REMEMBERED))


def _store(
    db: Session, purpose: Purpose, address: str, digest: str | None, lifetime: timedelta
) -> int:
    return shelves.of(db).put(
        db, purpose.value, address, digest, lifetime=lifetime, kept=REMEMBERED
    )


def _run_out(db: Session, counted: str, address: str) -> None:
    # Not marked as used: the mailed button, which nobody can guess, goes on working.
    ended = [each.value for each in Purpose if scope(each) == counted]
    shelves.of(db).run_out(db, ended, address)


def _digest(key: str, purpose: Purpose, address: str, digits: str, requester: str) -> str:
    # Six digits can be tried out in no time: without the key a copy of the table would tell them.
    bound = f"\0{requester}" if requester else ""
    text = f"{purpose.value}\0{address}\0{digits}{bound}".encode()
    return hmac.new(b"rollcall code\0" + key.encode(), text, hashlib.sha256).hexdigest()


def _same(stored: str | None, wanted: str) -> bool:
    return stored is not None and hmac.compare_digest(stored, wanted)

"""Six digits by mail: made, hashed under a key, counted, and used once.

Bound to purpose and address, and where it matters to the requester: the cookie on the site, the
key of a GPT, the client of a widget; never a network. Five wrong tries within 15 minutes of the
first end all live codes of that scope and address, and a new code resets nothing (NIST SP
800-63B-4 §3.1.3.2). Codes that the same pages take are of one scope: else three pages would be
three times as many tries.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.core import clock, throttle
from app.core.errors import N_, ClosedForGood, Refusal, TooManyCodes, TooManyTries, WrongCode
from app.core.throttle import Limit
from app.models.access import Code, Purpose

DIGITS = 6
LIMIT = Limit(tries=5, window=timedelta(minutes=15), ceiling=100)
"""Wrong tries of one purpose and address; the ceiling is NIST's (SP 800-63B-4 §3.2.2)."""

BY_MAIL = (Purpose.REGISTRATION, Purpose.RESET, Purpose.SETUP)
"""What a mail to who asked for a password may carry: its reader cannot know which one it is."""

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
    canonical form where `address` is one of several spellings of it. Raises `NotSixDigits`
    (uncounted), `TooManyTries`, `RanOut` or `WrongCode`. The count is committed before anything is
    compared; that the last try ended the codes is not, so the caller commits the refusal.
    """
    digits = normalise(typed)
    counted = scope(purposes[0])
    try:
        number = throttle.count(db, counted, counted_as or address, LIMIT)
    except ClosedForGood:
        raise
    except TooManyTries as refusal:
        raise TooManyCodes(refusal.until) from None
    now = clock.now()
    rows = db.execute(
        select(Code.id, Code.purpose, Code.secret_hash, Code.expires_at).where(
            Code.purpose.in_([each.value for each in purposes]),
            Code.address == address,
            Code.used_at.is_(None),
            Code.expires_at > now - REMEMBERED,
        )
    ).all()
    wanted = {
        each.value: [_digest(key, each, address, digits, requester) for key in keys]
        for each in purposes
    }
    fitting = [row for row in rows if any(_same(row.secret_hash, w) for w in wanted[row.purpose])]
    known = {each.value: each for each in purposes}
    for row in fitting:
        if row.expires_at > now:
            return Fitting(int(row.id), known[row.purpose])
    if number == LIMIT.tries:
        _run_out(db, counted, address)
    raise RanOut(known[fitting[0].purpose]) if fitting else WrongCode


def use(
    db: Session, purpose: Purpose, address: str, code_id: int, *, counted_as: str | None = None
) -> None:
    """Claim the code, forget the wrong tries, and end the other codes of that address.

    Raises `WrongCode` where another request was first: a code is good once.
    """
    # One statement ends them all: two people with one code each would otherwise lock each
    # other's, and wait for ever.
    if code_id not in end_all(db, purpose, address, counted_as=counted_as):
        raise WrongCode


def end_all(
    db: Session, purpose: Purpose, address: str, *, counted_as: str | None = None
) -> Sequence[int]:
    """End every live code of `address`, which was proven, and forget its wrong tries; their ids."""
    ended = db.scalars(
        update(Code)
        .where(Code.purpose == purpose.value, Code.address == address, Code.used_at.is_(None))
        .values(used_at=clock.now())
        .returning(Code.id)
    ).all()
    throttle.clear(db, scope(purpose), counted_as or address)
    return ended


def is_unused(db: Session, code_id: int) -> bool:
    """Whether the code is still to be used; wrong tries do not count here."""
    return db.scalar(select(Code.id).where(Code.id == code_id, Code.used_at.is_(None))) is not None


def scope(purpose: Purpose) -> str:
    """The name under which wrong tries of this purpose are counted; one for all `BY_MAIL`."""
    return "code:mail" if purpose in BY_MAIL else f"code:{purpose.value}"


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
    """Drop the codes that nobody can be told about any more."""
    db.execute(delete(Code).where(Code.expires_at < clock.now() - REMEMBERED))


def _store(
    db: Session, purpose: Purpose, address: str, digest: str | None, lifetime: timedelta
) -> int:
    now = clock.now()
    code = Code(
        purpose=purpose.value,
        address=address,
        secret_hash=digest,
        created_at=now,
        expires_at=now + lifetime,
    )
    db.add(code)
    db.flush()  # The mailed link names the code by its id.
    return code.id


def _run_out(db: Session, counted: str, address: str) -> None:
    # Not marked as used: the mailed button, which nobody can guess, goes on working.
    now = clock.now()
    ended = [each.value for each in Purpose if scope(each) == counted]
    db.execute(
        update(Code)
        .where(Code.purpose.in_(ended), Code.address == address)
        .where(Code.used_at.is_(None), Code.expires_at > now)
        .values(expires_at=now)
    )


def _digest(key: str, purpose: Purpose, address: str, digits: str, requester: str) -> str:
    # Six digits can be tried out in no time: without the key a copy of the table would tell them.
    bound = f"\0{requester}" if requester else ""
    text = f"{purpose.value}\0{address}\0{digits}{bound}".encode()
    return hmac.new(b"rollcall code\0" + key.encode(), text, hashlib.sha256).hexdigest()


def _same(stored: str | None, wanted: str) -> bool:
    return stored is not None and hmac.compare_digest(stored, wanted)

"""How somebody proves by a mailed code who they are: on our pages, by the API, in a custom GPT.

Every door asks and proves here, and lets in by `signin.admit`. Asking answers alike for everybody
and writes the same rows; the mailbox says the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NoReturn

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core import clock, floods, throttle
from app.core.audit import Event, Origin
from app.core.entry import letters, opening, signin
from app.core.entry.letters import Asked
from app.core.entry.terms import Terms
from app.core.errors import (
    N_,
    ClosedForGood,
    LinkDead,
    NoLongerListed,
    PasswordNeeded,
    Refusal,
    TooManyCodes,
    TooManyTries,
    WrongCode,
)
from app.core.people import limited, roles, users
from app.core.proof import codes, pins
from app.core.proof.codes import RanOut
from app.core.roster import entitlements
from app.core.throttle import Limit
from app.models.access import Purpose
from app.models.people import CameBy, User

MOST_ASKED = Limit(tries=10, window=timedelta(minutes=15))
"""Codes for one purpose and address; `outbox.MOST` keeps the mailbox from being filled."""


class TooManyForNow(TooManyCodes):
    """Too many wrong codes where they come by a program: its mails have no button."""

    words = N_("Too many wrong codes. Try again at %(time)s, or sign in on the site once.")


class ClosedUntilSignIn(ClosedForGood):
    """So many wrong codes in a row at a program that a sign-in on the site must open it again."""

    words = N_("Too many wrong codes in a row. Sign in on the site once, then ask for a new code.")


@dataclass(frozen=True)
class Door:
    """Which door asks: for what, by whom, and whom it lets in.

    `requester` is the cookie of our pages, the id of a GPT's key, or the client of a widget.
    `is_open` lets people in who are on no list and have no account; without `for_roles` who has a
    role must come by password. `through` is what the audit log has of the page that asked.
    """

    purpose: Purpose
    lifetime: timedelta
    requester: str = ""
    is_open: bool = False
    for_roles: bool = True
    through: Mapping[str, Any] = field(default_factory=dict)


def ask(db: Session, email: str, door: Door, *, terms: Terms, origin: Origin) -> str:
    """Mail a code to who may come in, or why they may not; the canonical address.

    Raises `BadAddress` for what is no address, and `TooManyTries` and `CodesAway`, for known and
    unknown alike. The caller commits.
    """
    address = canonical(email)
    scope = f"ask:{door.purpose.value}"
    if not throttle.take(db, scope, address, MOST_ASKED):
        until = throttle.until(db, scope, address) or clock.now()
        signin.refuse(
            db, TooManyTries(until), door.purpose.value, origin, address=address, why="asked",
            **door.through,
        )  # fmt: skip
    kind = letters.to_sign_in(db, email, is_open=door.is_open, for_roles=door.for_roles)
    asked = Asked(door.purpose, door.lifetime, door.requester)
    letters.send(db, kind, email, terms=terms, asked=asked)
    floods.record(
        db, Event.CODE_ASKED, origin, address=address, answer=kind.value,
        purpose=door.purpose.value, **door.through,
    )  # fmt: skip
    return address


def prove(db: Session, email: str, typed: str, door: Door, *, terms: Terms, origin: Origin) -> int:
    """Use up the code that was mailed to `email`, and open the account that it is the first of.

    The id of its person, who is still to be let in. Raises `BadAddress`, `NotSixDigits`,
    `TooManyCodes` or `ClosedForGood`, `RanOut` or `WrongCode`, which are committed as refused, or
    `CodesAway`; the caller commits all else.
    """
    address = canonical(email)
    found = users.find(db, address, email)
    mailbox = found[0].mailbox if found else address
    method = door.purpose.value
    try:
        code_id = codes.check(
            db, door.purpose, mailbox, typed, requester=door.requester, counted_as=address,
            keys=terms.keys,
        )  # fmt: skip
    except TooManyTries as refusal:
        signin.refuse(db, worded(refusal, door), method, origin, address=address, **door.through)
    except (RanOut, WrongCode) as refusal:
        signin.refuse(db, refusal, method, origin, address=address, **door.through)
    try:
        return claim(db, email, code_id, door, origin)
    except (LinkDead, NoLongerListed, PasswordNeeded, WrongCode) as refusal:
        _late(db, refusal, method, origin, address)


def worded(refusal: TooManyTries, door: Door) -> TooManyTries:
    """What is said of too many wrong codes at this door; on the site, as it is."""
    if door.purpose is Purpose.SIGN_IN:
        return refusal
    closed = isinstance(refusal, ClosedForGood)
    return ClosedUntilSignIn(refusal.until) if closed else TooManyForNow(refusal.until)


def claim(db: Session, email: str, code_id: int, door: Door, origin: Origin) -> int:
    """Use up this code, which was mailed to `email`; the id of its person, whose account it opens.

    Raises `WrongCode` where another request was first, and where the truth changed since the mail
    went `NoLongerListed`, `LinkDead` or `PasswordNeeded`. The caller commits, or rolls back.
    """
    address = canonical(email)
    found = users.find(db, address, email)
    if found and not door.for_roles and roles.has_any(db, found[0].id):
        raise PasswordNeeded
    mailbox = found[0].mailbox if found else address
    # What may have to be waited for comes before the code: in Redis no rollback gives it back.
    is_first = False
    if found:
        is_first = _note_proven(db, found[0].id)
    else:
        entitlements.hold_list(db)
    codes.use(db, door.purpose, mailbox, code_id, counted_as=address)
    if found is None:
        return _open(db, address, email, door, origin).id
    if is_first:
        # Who asked for an account with this address elsewhere may have been anybody. A later proof
        # ends nothing: else their limited session would tell that the address has an account.
        limited.end_of(db, address)
    # A way that wrong codes closed for good is open again once its owner came in by another.
    codes.open_again(db, address)
    return found[0].id


def _note_proven(db: Session, user_id: int) -> bool:
    """Hold the person's row, which comes first in every journey; whether they are here first.

    The first proof of the mailbox is a change of the account: mailed links die with it, and what
    a stranger may have set up before is dropped.
    """
    mine = update(User).where(User.id == user_id).execution_options(synchronize_session=False)
    first = mine.where(User.verified_at.is_(None)).values(verified_at=clock.now())
    if db.scalar(first.returning(User.id)) is not None:
        pins.drop(db, user_id)
        return True
    db.execute(mine.values(verified_at=User.verified_at))
    return False


def _open(db: Session, address: str, email: str, door: Door, origin: Origin) -> User:
    try:
        return opening.open_listed(db, address, origin)
    except NoLongerListed:
        if not door.is_open:
            raise
        return opening.open_unlisted(db, address, email.strip(), CameBy.CODE, origin)


def _late(db: Session, refusal: Refusal, method: str, origin: Origin, address: str) -> NoReturn:
    # Used, off the list, opened by another door, or given a role since the mail went.
    db.rollback()
    signin.refuse(db, WrongCode(), method, origin, address=address, why=refusal.code)

"""How somebody proves by a mailed code who they are: on our pages, by the API, in a custom GPT.

Every door asks and proves here, and lets in by `signin.admit`. Asking answers alike for everybody
and writes the same rows; the mailbox says the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core import audit, clock, throttle
from app.core.audit import Event, Origin
from app.core.entry import letters, opening, signin
from app.core.entry.letters import Asked
from app.core.entry.terms import Terms
from app.core.errors import LinkDead, NoLongerListed, Refusal, TooManyTries, WrongCode
from app.core.people import users
from app.core.proof import codes
from app.core.proof.codes import RanOut
from app.core.throttle import Limit
from app.models.access import Purpose
from app.models.people import CameBy, User

MOST_ASKED = Limit(tries=10, window=timedelta(minutes=15))
"""Codes for one purpose and address; `outbox.MOST` keeps the mailbox from being filled."""


@dataclass(frozen=True)
class Door:
    """Which door asks: for what, by whom, and whom it lets in.

    `requester` is the cookie of our pages, the id of a GPT's key, or the client of a widget.
    `is_open` lets people in who are on no list and have no account.
    """

    purpose: Purpose
    lifetime: timedelta
    requester: str = ""
    is_open: bool = False


def ask(db: Session, email: str, door: Door, *, terms: Terms, origin: Origin) -> str:
    """Mail a code to who may come in, or why they may not; the canonical address.

    Raises `BadAddress` for what is no address, and `TooManyTries`, for known and unknown alike.
    The caller commits.
    """
    address = canonical(email)
    scope = f"ask:{door.purpose.value}"
    if not throttle.take(db, scope, address, MOST_ASKED):
        until = throttle.until(db, scope, address) or clock.now()
        signin.refuse(
            db, TooManyTries(until), door.purpose.value, origin, address=address, why="asked"
        )
    kind = letters.to_sign_in(db, email, is_open=door.is_open)
    asked = Asked(door.purpose, door.lifetime, door.requester)
    letters.send(db, kind, email, terms=terms, asked=asked)
    audit.record(
        db, Event.CODE_ASKED, origin, address=address, answer=kind.value,
        purpose=door.purpose.value,
    )  # fmt: skip
    return address


def prove(db: Session, email: str, typed: str, door: Door, *, terms: Terms, origin: Origin) -> int:
    """Use up the code that was mailed to `email`, and open the account that it is the first of.

    The id of its person, who is still to be let in. Raises `BadAddress`, `NotSixDigits`,
    `TooManyCodes`, `RanOut` or `WrongCode`, which are committed as refused; the caller commits all
    else.
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
        codes.use(db, door.purpose, mailbox, code_id, counted_as=address)
        if found is None:
            return _open(db, address, email, door, origin).id
    except (TooManyTries, RanOut, WrongCode) as refusal:
        signin.refuse(db, refusal, method, origin, address=address)
    except (LinkDead, NoLongerListed) as refusal:
        _late(db, refusal, method, origin, address)
    user = found[0]
    # The first proof of the mailbox is a change of the account: mailed links die with it.
    db.execute(
        update(User)
        .where(User.id == user.id, User.verified_at.is_(None))
        .values(verified_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    return user.id


def _open(db: Session, address: str, email: str, door: Door, origin: Origin) -> User:
    try:
        return opening.open_listed(db, address, origin)
    except NoLongerListed:
        if not door.is_open:
            raise
        return opening.open_unlisted(db, address, email.strip(), CameBy.CODE, origin)


def _late(db: Session, refusal: Refusal, method: str, origin: Origin, address: str) -> NoReturn:
    # Taken off the list, or opened by another door, since the mail went: the code is no good.
    db.rollback()
    signin.refuse(db, WrongCode(), method, origin, address=address, why=refusal.code)

"""How somebody proves by a code on WhatsApp who they are; beside `by_code`, and in its shape.

A number opens only the account that proved it on its own page, and never a new one. Asking
answers alike for every number and writes the same rows; to one that opens nothing no message goes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app import phones
from app.core import clock, floods, outbox, throttle
from app.core.audit import Event, Origin
from app.core.entry import signin
from app.core.entry.by_code import MOST_ASKED, Door
from app.core.entry.renewing import BY_PHONE
from app.core.entry.terms import Terms
from app.core.errors import N_, ClosedForGood, TooManyTries, WrongCode
from app.core.outbox import Kind
from app.core.people import roles, users
from app.core.proof import codes, credentials
from app.core.proof.codes import RanOut
from app.core.throttle import Limit
from app.models.access import CredentialKind, Purpose
from app.models.people import User
from app.models.records import Channel

METHOD = "whatsapp"


class WrongPhoneCode(WrongCode):
    """The six digits do not belong to this number and purpose."""

    words = N_("This code does not fit. Use the one in our newest WhatsApp message.")


class TooManyPhoneCodes(TooManyTries):
    """Too many wrong codes for this number; every other way in is open."""

    words = N_("Too many wrong codes. Try again at %(time)s, or get in by mail.")


class PhoneClosed(TooManyPhoneCodes, ClosedForGood):
    """So many wrong codes in a row that the number is to be proven anew on the account page."""

    words = N_("Too many wrong codes in a row. Get in by mail, and confirm your number again.")


def ask(db: Session, phone: str, door: Door, *, terms: Terms, origin: Origin) -> str:
    """Send a code by WhatsApp to a number that opens an account; the canonical number.

    Raises `BadNumber` for what is no number in E.164, and `TooManyTries`, for known and unknown
    alike. The caller commits.
    """
    number = phones.canonical(phone)
    take_place(db, f"ask:{door.purpose.value}", number, number, METHOD, origin)
    user = _owner(db, number, door)
    send(
        db, number, user, door.purpose, lifetime=door.lifetime, requester=door.requester,
        terms=terms, held=user is None,
    )  # fmt: skip
    floods.record(
        db, Event.CODE_ASKED, origin, user_id=user.id if user else None,
        phone=phones.masked(number), answer=Kind.WHATSAPP_CODE.value if user else "no_message",
        purpose=door.purpose.value, **door.through,
    )  # fmt: skip
    return number


def prove(db: Session, phone: str, typed: str, door: Door, *, terms: Terms, origin: Origin) -> int:
    """Use up the code that went to `phone`; the id of its person, who is still to be let in.

    Raises `BadNumber`, `NotSixDigits`, `TooManyPhoneCodes`, `RanOut` or `WrongPhoneCode`, which
    are committed as refused; the caller commits all else.
    """
    number = phones.canonical(phone)
    shown = phones.masked(number)
    owner = credentials.owner_of(db, CredentialKind.PHONE, number)
    try:
        spend(db, door.purpose, number, typed, requester=door.requester, owner=owner, terms=terms)
        user_id = credentials.use(db, CredentialKind.PHONE, number)
        # Whose number it became meanwhile has not been waited for, and asks for a code anew.
        if user_id is None or user_id != owner or _keeps_out(db, user_id, door):
            raise WrongPhoneCode
    except (TooManyTries, RanOut, WrongCode) as refusal:
        signin.refuse(db, refusal, METHOD, origin, user_id=owner, phone=shown, **door.through)
    return user_id


def take_place(
    db: Session,
    scope: str,
    subject: str,
    number: str,
    method: str,
    origin: Origin,
    *,
    limit: Limit = MOST_ASKED,
) -> None:
    """Count one more code that is asked for. Raises `TooManyTries`, committed as refused."""
    if throttle.take(db, scope, subject, limit):
        return
    refusal = TooManyTries(throttle.until(db, scope, subject) or clock.now())
    signin.refuse(db, refusal, method, origin, phone=phones.masked(number), why="asked")


def send(
    db: Session,
    number: str,
    user: User | None,
    purpose: Purpose,
    *,
    lifetime: timedelta,
    requester: str,
    terms: Terms,
    held: bool = False,
) -> None:
    """Write a code to `number`; `held` writes the same rows, and nothing leaves."""
    until: datetime = clock.now() + lifetime
    sealed = None
    if held:
        codes.issue_none(db, purpose, number, lifetime=lifetime)
    else:
        _, digits = codes.issue(
            db, purpose, number, requester=requester, lifetime=lifetime, keys=terms.keys
        )
        sealed = outbox.seal(digits, keys=terms.keys)
    outbox.queue(
        db, Kind.WHATSAPP_CODE, number, user_id=user.id if user else None,
        locale=user.locale if user else None, sealed=sealed, held=held,
        channel=Channel.WHATSAPP, until=until.isoformat(), purpose=purpose.value,
    )  # fmt: skip


def spend(
    db: Session,
    purpose: Purpose,
    number: str,
    typed: str,
    *,
    requester: str,
    counted_as: str | None = None,
    owner: int | None,
    terms: Terms,
) -> None:
    """Count a try, and use up the code that fits it, once the row of its `owner` is held.

    Raises as `codes.check` and `codes.use` do, in words that fit a number.
    """
    try:
        code_id = codes.check(
            db, purpose, number, typed, requester=requester, counted_as=counted_as,
            keys=terms.keys,
        )  # fmt: skip
        if owner is not None:
            users.hold(db, owner)
        codes.use(db, purpose, number, code_id, counted_as=counted_as)
    except ClosedForGood as refusal:
        raise PhoneClosed(refusal.until) from None
    except TooManyTries as refusal:
        raise TooManyPhoneCodes(refusal.until) from None
    except WrongCode:
        raise WrongPhoneCode from None


def forget(db: Session, number: str) -> None:
    """End every code that went to `number` for signing in, and its wrong tries."""
    for purpose in BY_PHONE:
        codes.end_all(db, purpose, number)


def _owner(db: Session, number: str, door: Door) -> User | None:
    """Whom the number lets in here; all is always asked, so that every number costs the same."""
    user_id = credentials.owner_of(db, CredentialKind.PHONE, number) or 0
    kept_out = _keeps_out(db, user_id, door)
    found = users.find_by_id(db, user_id)
    if found is None or kept_out:
        return None
    user, listed = found
    return user if users.shut_out_reason(user, listed=listed) is None else None


def _keeps_out(db: Session, user_id: int, door: Door) -> bool:
    return roles.has_any(db, user_id) and not door.for_roles

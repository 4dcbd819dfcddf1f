"""The number that somebody proves on their account page, so that it signs them in."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy.orm import Session

from app import phones
from app.core import audit, clock, outbox
from app.core.audit import Event, Origin
from app.core.entry import by_phone, signin
from app.core.entry.terms import Terms
from app.core.errors import N_, Refusal, TooManyTries, WrongCode
from app.core.outbox import Cap, Kind
from app.core.people import sessions, users
from app.core.proof import credentials, ways
from app.core.proof.codes import RanOut
from app.core.proof.credentials import NotFree
from app.core.throttle import Limit
from app.models.access import Credential, CredentialKind, Purpose
from app.models.people import User

PHONE = CredentialKind.PHONE
METHOD = "phone"
GONE = "phone_removed"
"""The reason of sessions that a number opened which is no longer their person's."""

MOST_A_DAY = Limit(tries=20, window=timedelta(days=1))
"""Codes that one account may have sent to numbers: each costs, and may go to a stranger."""


class AddressFirst(Refusal):
    """Nothing is added to an account whose mailbox nobody proved: it could be another's."""

    code = "address_first"
    status = 409
    words = N_(
        "Show first that your mailbox is yours: choose a new password by mail, then come back."
    )


class NumberNotFree(NotFree):
    """The number opens another account; who hears this has just proven that it is theirs."""

    words = N_(
        "This number cannot be added to your account now. If you added it to another account,"
        " remove it there first; %(contact)s can help too."
    )


def of(db: Session, user_id: int) -> Credential | None:
    """The number that signs this person in; None where they have none."""
    found = credentials.of(db, user_id, PHONE)
    return found[0] if found else None


def check_address(user: User) -> None:
    """Raises `AddressFirst` where this account may not have a number yet."""
    if user.verified_at is None:
        raise AddressFirst


def ask(
    db: Session, user: User, phone: str, *, lifetime: timedelta, terms: Terms, origin: Origin
) -> str:
    """Send a code to the number that this person says is theirs; the number in E.164.

    Whoever has it now: that is said only to who reads the code. Raises `AddressFirst`,
    `BadNumber`, or `TooManyTries` per person and per number. The caller commits.
    """
    check_address(user)
    number = phones.canonical(phone)
    whose = str(user.id)
    by_phone.take_place(db, "ask:phone:day", whose, number, METHOD, origin, limit=MOST_A_DAY)
    by_phone.take_place(db, "ask:phone", number, number, METHOD, origin)
    by_phone.send(
        db, number, user, Purpose.PHONE, lifetime=lifetime, requester=_requester(user),
        terms=terms,
    )  # fmt: skip
    audit.record(
        db, Event.PHONE_ASKED, origin, user_id=user.id, actor_id=user.id,
        phone=phones.masked(number),
    )  # fmt: skip
    return number


def prove(
    db: Session,
    user: User,
    phone: str,
    typed: str,
    *,
    but_session: int | None = None,
    terms: Terms,
    origin: Origin,
) -> None:
    """Use up that code: from now on the number signs this person in, instead of an earlier one.

    Their mailbox is told, and what an earlier number opened ends, all but `but_session`. Raises
    `AddressFirst`, `BadNumber`, `NotSixDigits`, and, committed as refused, `TooManyPhoneCodes`,
    `RanOut`, `WrongPhoneCode` or `NumberNotFree`. The caller commits.
    """
    check_address(user)
    number = phones.canonical(phone)
    try:
        by_phone.spend(
            db, Purpose.PHONE, number, typed, requester=_requester(user),
            counted_as=counted_as(user.id, number), owner=user.id, terms=terms,
        )  # fmt: skip
        former = _move(db, user, number)
    except (TooManyTries, RanOut, WrongCode, NumberNotFree) as refusal:
        signin.refuse(db, refusal, METHOD, origin, user_id=user.id, phone=phones.masked(number))
    for each in {*former, number}:
        by_phone.forget(db, each)
    if former == [number]:
        return  # The same number once more: its wrong tries are forgotten, and that is all.
    if former:
        _end_sessions(db, user, origin, user.id, but_session)
    _tell(db, user, Kind.PHONE_ADDED, Event.PHONE_ADDED, number, origin, user.id)


def remove_own(
    db: Session,
    user: User,
    origin: Origin,
    *,
    but_session: int,
    by_code: bool,
    closed: Collection[CredentialKind] = (),
) -> None:
    """As `remove`, by the person themselves. Raises `LastWay` where nothing else lets them in.

    `by_code` and `closed` are as in `ways.is_last`.
    """
    ways.check_not_last(db, user, PHONE, by_code=by_code, closed=closed)
    remove(db, user, origin, by=user.id, but_session=but_session)


def remove(
    db: Session, user: User, origin: Origin, *, by: int | None, but_session: int | None = None
) -> None:
    """Take the number away, with every code on its way to it; the mailbox is told.

    The sessions that it opened end, all but `but_session`.
    """
    users.hold(db, user.id)
    gone = take_away(db, user)
    if gone:
        _end_sessions(db, user, origin, by, but_session)
    for number in gone:
        _tell(db, user, Kind.PHONE_REMOVED, Event.PHONE_REMOVED, number, origin, by)


def take_away(db: Session, user: User) -> list[str]:
    """Take every number away from somebody, without a word; what they were.

    The caller holds the person's row, and ends their sessions.
    """
    gone = credentials.remove(db, user.id, PHONE)
    for number in gone:
        by_phone.forget(db, number)
    return gone


def counted_as(user_id: int, number: str) -> str:
    """As what this person's wrong codes for a number that they add are counted: of nobody else."""
    return f"{user_id}:{number}"


def _move(db: Session, user: User, number: str) -> list[str]:
    """Give the number to this person, whose row is held; what they had before.

    Of two numbers proven at once in two browsers one stays, because one waits for the other.
    """
    if credentials.owner_of(db, PHONE, number) not in {None, user.id}:
        raise NumberNotFree
    former = credentials.remove(db, user.id, PHONE)
    try:
        credentials.add(db, user.id, PHONE, number)
    except NotFree:  # Another account was first just now; what they had before stays theirs.
        db.rollback()
        raise NumberNotFree from None
    return former


def _end_sessions(
    db: Session, user: User, origin: Origin, by: int | None, but_session: int | None
) -> None:
    ended = sessions.end_opened_by(db, user.id, by_phone.METHOD, GONE, but_session=but_session)
    if ended:
        audit.record(
            db, Event.SESSION_ENDED, origin, user_id=user.id, actor_id=by,
            session="all by WhatsApp",
        )  # fmt: skip


def _requester(user: User) -> str:
    return f"user:{user.id}"


def _tell(
    db: Session,
    user: User,
    kind: Kind,
    event: Event,
    number: str,
    origin: Origin,
    by: int | None,
) -> None:
    shown = phones.masked(number)
    audit.record(db, event, origin, user_id=user.id, actor_id=by, phone=shown)
    outbox.queue(
        db, kind, user.mailbox, user_id=user.id, locale=user.locale, cap=Cap.ALARM,
        user_agent=origin.user_agent, place=origin.place, at=clock.now().isoformat(), phone=shown,
    )  # fmt: skip

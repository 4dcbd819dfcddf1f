"""How a listed person gets an account: a mailed code first, then the password.

Step one answers alike for everybody and writes the same rows; only the mailbox learns more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import hashing
from app.addresses import canonical
from app.core import audit, clock, outbox, throttle
from app.core.audit import Event, Origin
from app.core.entry import signin
from app.core.entry.signin import Entered
from app.core.errors import (
    CodeRanOut,
    LinkDead,
    NoLongerListed,
    PasswordRefused,
    Refusal,
    WrongCode,
)
from app.core.outbox import Kind
from app.core.people import users
from app.core.people.sessions import Lifetimes
from app.core.proof import codes, links, passwords
from app.core.proof.links import Link
from app.core.roster import entitlements
from app.core.roster.files import surname_key
from app.models.access import Purpose
from app.models.people import Status, User
from app.models.rosters import RosterLine

PURPOSE = Purpose.REGISTRATION
METHOD = "registration"
LEGACY_TERM = timedelta(days=730)
"""How long an account is good for, as the legacy application has it."""


@dataclass(frozen=True)
class Terms:
    """What the edge knows and a registration needs: keys, costs and lengths of life."""

    keys: Sequence[str]
    code_lifetime: timedelta
    lifetimes: Lifetimes
    rounds: int
    least: int
    service_words: Sequence[str]


class NotBoth(Refusal):
    """The code, the password, or both cannot be taken; each problem stands by its field."""

    code = "not_both"
    status = 422

    def __init__(self, code: Refusal | None, password: Refusal | None) -> None:
        super().__init__()
        self.by_field = {
            name: refusal
            for name, refusal in (("code", code), ("password", password))
            if refusal is not None
        }
        self.status = max(refusal.status for refusal in self.by_field.values())
        self.until = getattr(code, "until", None)


def begin(db: Session, last_name: str, email: str, *, terms: Terms, origin: Origin) -> str:
    """Answer a request to register by mail, whatever the truth is; the canonical address.

    Raises `BadAddress` for what is no address at all.
    """
    address = canonical(email)
    kind = _what_to_mail(db, address, surname_key(last_name))
    _mail(db, kind, address, terms)
    audit.record(db, Event.REGISTRATION_ASKED, origin, address=address, answer=kind.value)
    return address


def finish(
    db: Session, email: str, code: str, password: str, *, terms: Terms, origin: Origin
) -> Entered:
    """Open the account of whoever has the mailed code, and let them in.

    Raises `BadAddress`, or `NotBoth` with what is wrong with the code, the password, or both;
    the code is used up only when both are fine.
    """
    address = canonical(email)
    unfit = _password_problem(password, address, terms)
    try:
        code_id = codes.check(db, PURPOSE, address, code, keys=terms.keys)
    except codes.RanOut:
        # Only who has the mail can know the digits, so a new mail tells nothing to a stranger.
        kind = _what_to_mail(db, address, None)
        _mail(db, kind, address, terms)
        refusal = NotBoth(CodeRanOut(address=address), unfit)
        signin.refuse(db, refusal, METHOD, origin, address=address, why="ran_out")
    except Refusal as wrong:
        signin.refuse(db, NotBoth(wrong, unfit), METHOD, origin, address=address, why=wrong.code)
    if unfit is not None:
        # The code was right, so this was no guess: the count starts over.
        throttle.clear(db, codes.scope(PURPOSE), address)
        signin.refuse(db, NotBoth(None, unfit), METHOD, origin, address=address, why=unfit.code)
    try:
        return _open_account(db, address, code_id, password, terms, origin)
    except WrongCode as late:
        raise NotBoth(late, None) from None


def read_link(db: Session, token: str, *, terms: Terms) -> dict[str, Any]:
    """What a mailed link carries: `address`, `digits`, `code_id`.

    Looking uses nothing up. Raises `LinkDead`.
    """
    facts = links.read(Link.REGISTRATION, token, lifetime=terms.code_lifetime, keys=terms.keys)
    if not codes.is_unused(db, facts["code_id"]):
        raise LinkDead
    return facts


def finish_by_link(
    db: Session, token: str, password: str, *, terms: Terms, origin: Origin
) -> Entered:
    """Open the account by the mailed link alone, which no count of wrong codes can close.

    Raises `LinkDead`, or `NotBoth` with what is wrong with the password.
    """
    facts = read_link(db, token, terms=terms)
    unfit = _password_problem(password, facts["address"], terms)
    if unfit is not None:
        raise NotBoth(None, unfit)
    try:
        return _open_account(db, facts["address"], facts["code_id"], password, terms, origin)
    except WrongCode:
        raise LinkDead from None


def _what_to_mail(db: Session, address: str, typed_key: str | None) -> Kind:
    # Both questions are always asked, so that every address costs the same queries.
    keys = set(
        db.scalars(
            select(RosterLine.surname_key)
            .where(RosterLine.address == address, RosterLine.active.is_(True))
            .distinct()
        )
    )
    found = users.find(db, address)
    if found is not None:
        reason = users.shut_out_reason(found[0], listed=found[1])
        return Kind.HAVE_ACCOUNT if reason is None else Kind.SHUT_OUT
    if not keys:
        return Kind.NOT_LISTED
    return Kind.REGISTRATION_CODE if typed_key in keys | {None} else Kind.NAME_DIFFERS


def _mail(db: Session, kind: Kind, address: str, terms: Terms) -> None:
    lifetime = terms.code_lifetime
    sealed = None
    facts: dict[str, Any] = {"address": address}
    if kind is Kind.REGISTRATION_CODE:
        code_id, digits = codes.issue(db, PURPOSE, address, lifetime=lifetime, keys=terms.keys)
        sealed = outbox.seal(digits, keys=terms.keys)
        facts |= {"code_id": code_id, "until": (clock.now() + lifetime).isoformat()}
    else:
        codes.issue_none(db, PURPOSE, address, lifetime=lifetime)
    outbox.queue(db, kind, address, sealed=sealed, once_a_day=kind is Kind.NOT_LISTED, **facts)


def _password_problem(password: str, address: str, terms: Terms) -> PasswordRefused | None:
    typed = [address, address.partition("@")[0], *terms.service_words]
    try:
        passwords.check_new(password, least=terms.least, known_words=typed)
    except PasswordRefused as refusal:
        return refusal
    return None


def _open_account(
    db: Session, address: str, code_id: int, password: str, terms: Terms, origin: Origin
) -> Entered:
    db.rollback()  # No transaction waits for bcrypt.
    password_hash = hashing.hash_password(password, rounds=terms.rounds)
    codes.use(db, PURPOSE, address, code_id)
    # An import at work is waited for, so that nobody comes in by the line that it takes away.
    entitlements.hold_list(db)
    line = db.scalars(
        select(RosterLine)
        .where(RosterLine.address == address, RosterLine.active.is_(True))
        .order_by(RosterLine.id)
        .limit(1)
    ).first()
    if line is None:
        raise NoLongerListed
    now = clock.now()
    user = User(
        last_name=line.last_name,
        email=line.email,
        address=address,
        status=Status.ACTIVE.value,
        date_added=now,
        expiry_date=now + LEGACY_TERM,
        password_hash=password_hash,
        verified_at=now,
    )
    db.add(user)
    try:
        db.flush()  # A second account for the address is a clash here, to be said in words.
    except IntegrityError:
        db.rollback()
        raise LinkDead from None
    entitlements.follow_list(db, User.id == user.id)
    audit.record(db, Event.ACCOUNT_OPENED, origin, user_id=user.id, actor_id=user.id)
    return signin.admit(db, user.id, METHOD, origin, remember=False, lifetimes=terms.lifetimes)

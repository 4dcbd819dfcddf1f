"""What a request by address is answered with: one mail that says the truth.

Every answer is one code row and one message, whatever the truth is, so that no door tells it by
its work; a mail beyond the caps is written too, as held.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core import clock, outbox
from app.core.entry.terms import Terms
from app.core.outbox import Cap, Kind
from app.core.people import limited, roles, users
from app.core.proof import codes
from app.core.roster.files import surname_key
from app.models.access import Purpose
from app.models.people import CameBy, User
from app.models.rosters import RosterLine

RESET_LIFETIME = timedelta(hours=1)
SETUP_LIFETIME = timedelta(hours=24)
UNPAUSE_LIFETIME = timedelta(hours=1)
LONGEST_FIXED = max(RESET_LIFETIME, SETUP_LIFETIME, UNPAUSE_LIFETIME)
"""How long a code works at the most whose time is no setting."""

ONCE_A_DAY = {Kind.NO_ACCOUNT, Kind.NOT_LISTED, Kind.SPELLING}
PURPOSES = {
    Kind.CREATE_ACCOUNT: Purpose.CREATE,
    Kind.INVITATION: Purpose.SETUP,
    Kind.PAUSED: Purpose.UNPAUSE,
    Kind.PIN_PAUSED: Purpose.UNPAUSE,
    Kind.REGISTRATION_CODE: Purpose.REGISTRATION,
    Kind.RESET: Purpose.RESET,
    Kind.SETUP: Purpose.SETUP,
    Kind.SIGN_IN_CODE: Purpose.SIGN_IN,
    Kind.WELCOME: Purpose.SETUP,
    Kind.WHATSAPP_CODE: Purpose.SIGN_IN,
}
"""The kinds that carry a code, and what it is for."""


def to_register(db: Session, email: str, last_name: str | None) -> Kind:
    """The answer to who wants to register; None as `last_name` asks for no name."""
    known = _known(db, email)
    if known.person is None:
        return _on_list(known, last_name, Kind.NOT_LISTED)
    user, listed = known.person
    if users.shut_out_reason(user, listed=listed) is not None:
        return Kind.SHUT_OUT
    return Kind.HAVE_ACCOUNT if user.has_password() else Kind.SETUP


def to_recover(db: Session, email: str, last_name: str | None) -> Kind:
    """The answer to who forgot a password or never had one; None asks for no name."""
    known = _known(db, email)
    # Asked about everybody, so that every address costs the same queries.
    is_awaited = limited.is_awaited(db, canonical(email))
    has_role = roles.has_any(db, known.person[0].id if known.person else 0)
    if known.person is None:
        return _on_list(known, last_name, Kind.NO_ACCOUNT)
    user, listed = known.person
    if users.shut_out_reason(user, listed=listed) is not None:
        return Kind.SHUT_OUT
    # Who came without a list has none that theirs could differ from: whoever asked for the account,
    # perhaps a stranger, typed a full name, and its last word may be less than their last name.
    named = last_name is not None and user.is_named and user.last_name.strip()
    if named and surname_key(last_name or "") != surname_key(user.last_name):
        return Kind.NAME_DIFFERS
    asked_for = is_awaited or user.came_by == CameBy.OPEN.value
    if asked_for and not has_role and not _is_opened(user):
        return Kind.CREATE_ACCOUNT
    return Kind.RESET if user.has_password() else Kind.SETUP


def to_sign_in(db: Session, email: str, *, is_open: bool, for_roles: bool = True) -> Kind:
    """The answer to who wants a code to sign in with.

    `is_open` lets in who is on no list too; `for_roles` who has a role.
    """
    known = _known(db, email)
    # Asked about nobody too, so that every address costs the same queries.
    has_role = roles.has_any(db, known.person[0].id if known.person else 0)
    if known.person is None:
        unknown = Kind.SIGN_IN_CODE if is_open else Kind.NO_ACCOUNT
        kind = _on_list(known, None, unknown)
        return Kind.SIGN_IN_CODE if kind is Kind.REGISTRATION_CODE else kind
    user, listed = known.person
    if users.shut_out_reason(user, listed=listed) is not None:
        return Kind.SHUT_OUT
    return Kind.PASSWORD_NEEDED if has_role and not for_roles else Kind.SIGN_IN_CODE


def to_create(db: Session, email: str, *, is_open: bool, has_way: bool = False) -> Kind:
    """The answer to who asks for an account on our pages; `is_open` takes who is on no list too.

    An account that nobody has opened yet may be asked for again and again. `has_way` says that a
    way in from elsewhere waits for a proof of the mailbox: it may join an account that is opened,
    but for who has a role, whose password alone lets them add one.
    """
    known = _known(db, email)
    # Asked about nobody too, so that every address costs the same queries.
    has_role = roles.has_any(db, known.person[0].id if known.person else 0)
    if known.person is None:
        kind = _on_list(known, None, Kind.CREATE_ACCOUNT if is_open else Kind.NOT_LISTED)
        return Kind.CREATE_ACCOUNT if kind is Kind.REGISTRATION_CODE else kind
    user, listed = known.person
    if users.shut_out_reason(user, listed=listed) is not None:
        return Kind.SHUT_OUT
    if not has_role and (has_way or not _is_opened(user)):
        return Kind.CREATE_ACCOUNT
    return Kind.HAVE_ACCOUNT if user.has_password() else Kind.SETUP


def to_sign_up(db: Session, email: str, *, is_open: bool) -> Kind:
    """The answer to who asks for an account in a chat; `is_open` takes who is on no list too.

    An account that nobody has opened yet, by a password or a proof of its mailbox, may be asked
    for again and again.
    """
    known = _known(db, email)
    if known.person is None:
        kind = _on_list(known, None, Kind.CHAT_SIGNUP if is_open else Kind.NOT_LISTED)
        return Kind.CHAT_SIGNUP if kind is Kind.REGISTRATION_CODE else kind
    user, listed = known.person
    if users.shut_out_reason(user, listed=listed) is not None:
        return Kind.SHUT_OUT
    return Kind.CHAT_HAVE_ACCOUNT if _is_opened(user) else Kind.CHAT_SIGNUP


@dataclass(frozen=True)
class Asked:
    """What a code is asked for where its mail alone does not say: for whom, for how long."""

    purpose: Purpose
    lifetime: timedelta
    requester: str = ""


def send(
    db: Session,
    kind: Kind,
    email: str,
    *,
    terms: Terms,
    asked: Asked | None = None,
    held: bool = False,
    cap: Cap = Cap.ASKED,
    **facts: Any,
) -> None:
    """Write the mail of this kind to whom `email` names, with its code where it carries one.

    `held` writes the same rows and sends nothing; `cap` is as in `outbox.queue`.
    """
    purpose = PURPOSES.get(kind)
    if purpose and asked:
        purpose = asked.purpose
    lifetime = asked.lifetime if asked else lifetime_of(purpose or Purpose.REGISTRATION, terms)
    address = canonical(email)
    found = users.find(db, address, email)
    user = found[0] if found else None
    mailbox = user.mailbox if user else address
    sealed = None
    facts |= {"address": mailbox}
    if purpose is None or held:
        of = asked.purpose if asked else purpose or Purpose.REGISTRATION
        codes.issue_none(db, of, mailbox, lifetime=lifetime)
    else:
        requester = asked.requester if asked else ""
        code_id, digits = codes.issue(
            db, purpose, mailbox, requester=requester, lifetime=lifetime, keys=terms.keys
        )
        sealed = outbox.seal(digits, keys=terms.keys)
        until = clock.now() + lifetime
        facts |= {"code_id": code_id, "purpose": purpose.value, "until": until.isoformat()}
        facts |= {"asked_by": codes.mark_of(requester)}
    outbox.queue(
        db,
        kind,
        mailbox,
        user_id=user.id if user else None,
        locale=user.locale if user else None,
        sealed=sealed,
        once_a_day=kind in ONCE_A_DAY,
        held=held,
        cap=cap,
        **facts,
    )


def lifetime_of(purpose: Purpose, terms: Terms) -> timedelta:
    """How long links and codes of this purpose work."""
    fixed = {
        Purpose.RESET: RESET_LIFETIME,
        Purpose.SETUP: SETUP_LIFETIME,
        Purpose.UNPAUSE: UNPAUSE_LIFETIME,
    }
    return fixed.get(purpose, terms.code_lifetime)


@dataclass(frozen=True)
class _Known:
    person: tuple[User, bool] | None
    shared: bool
    names: set[str]


def _known(db: Session, email: str) -> _Known:
    # All questions are always asked, so that every address costs the same queries.
    address = canonical(email)
    names = db.scalars(
        select(RosterLine.surname_key)
        .where(RosterLine.address == address, RosterLine.active.is_(True))
        .distinct()
    )
    return _Known(users.find(db, address, email), users.is_shared(db, address), set(names))


def _is_opened(user: User) -> bool:
    return user.verified_at is not None or user.has_password()


def _on_list(known: _Known, last_name: str | None, unknown: Kind) -> Kind:
    if known.shared:
        return Kind.SPELLING
    if not known.names:
        return unknown
    fits = last_name is None or surname_key(last_name) in known.names
    return Kind.REGISTRATION_CODE if fits else Kind.NAME_DIFFERS

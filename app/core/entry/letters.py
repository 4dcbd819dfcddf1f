"""What a request by address is answered with: one mail that says the truth.

Every answer is one code row and one message, whatever the truth is, so that no door tells it by
its work; a mail beyond the caps is written too, as held.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock, outbox
from app.core.entry.terms import Terms
from app.core.outbox import Kind
from app.core.people import users
from app.core.proof import codes
from app.core.roster.files import surname_key
from app.models.access import Purpose
from app.models.people import User
from app.models.rosters import RosterLine

ACCOUNT_TERM = timedelta(days=730)
"""How long an account is good for, as the legacy application has it."""

RESET_LIFETIME = timedelta(hours=1)
SETUP_LIFETIME = timedelta(hours=24)
ONCE_A_DAY = {Kind.NO_ACCOUNT, Kind.NOT_LISTED}
PURPOSES = {
    Kind.REGISTRATION_CODE: Purpose.REGISTRATION,
    Kind.RESET: Purpose.RESET,
    Kind.SETUP: Purpose.SETUP,
    Kind.WELCOME: Purpose.SETUP,
}
"""The kinds that carry a code, and what it is for."""


def to_register(db: Session, address: str, last_name: str | None) -> Kind:
    """The answer to who wants to register; None as `last_name` asks for no name."""
    found, names = _known(db, address)
    if found is None:
        return _on_list(names, last_name, Kind.NOT_LISTED)
    user, listed = found
    if users.shut_out_reason(user, listed=listed) is not None:
        return Kind.SHUT_OUT
    return Kind.HAVE_ACCOUNT if user.has_password() else Kind.SETUP


def to_recover(db: Session, address: str, last_name: str | None) -> Kind:
    """The answer to who forgot a password or never had one; None asks for no name."""
    found, names = _known(db, address)
    if found is None:
        return _on_list(names, last_name, Kind.NO_ACCOUNT)
    user, listed = found
    if users.shut_out_reason(user, listed=listed) is not None:
        return Kind.SHUT_OUT
    if last_name is not None and surname_key(last_name) != surname_key(user.last_name):
        return Kind.NAME_DIFFERS
    return Kind.RESET if user.has_password() else Kind.SETUP


def send(db: Session, kind: Kind, address: str, *, terms: Terms, **facts: Any) -> None:
    """Write the mail of this kind to `address`, with its code where it carries one."""
    purpose = PURPOSES.get(kind)
    lifetime = lifetime_of(purpose or Purpose.REGISTRATION, terms)
    user = users.find(db, address)
    sealed = None
    facts |= {"address": address}
    if purpose is None:
        codes.issue_none(db, Purpose.REGISTRATION, address, lifetime=lifetime)
    else:
        code_id, digits = codes.issue(db, purpose, address, lifetime=lifetime, keys=terms.keys)
        sealed = outbox.seal(digits, keys=terms.keys)
        until = clock.now() + lifetime
        facts |= {"code_id": code_id, "purpose": purpose.value, "until": until.isoformat()}
    outbox.queue(
        db,
        kind,
        address,
        user_id=user[0].id if user else None,
        locale=user[0].locale if user else None,
        sealed=sealed,
        once_a_day=kind in ONCE_A_DAY,
        **facts,
    )


def lifetime_of(purpose: Purpose, terms: Terms) -> timedelta:
    """How long links and codes of this purpose work."""
    fixed = {Purpose.RESET: RESET_LIFETIME, Purpose.SETUP: SETUP_LIFETIME}
    return fixed.get(purpose, terms.code_lifetime)


def _known(db: Session, address: str) -> tuple[tuple[User, bool] | None, set[str]]:
    # Both questions are always asked, so that every address costs the same queries.
    found = users.find(db, address)
    names = db.scalars(
        select(RosterLine.surname_key)
        .where(RosterLine.address == address, RosterLine.active.is_(True))
        .distinct()
    )
    return found, set(names)


def _on_list(names: set[str], last_name: str | None, unknown: Kind) -> Kind:
    if not names:
        return unknown
    fits = last_name is None or surname_key(last_name) in names
    return Kind.REGISTRATION_CODE if fits else Kind.NAME_DIFFERS

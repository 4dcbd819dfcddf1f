"""The pause after too many wrong passwords, and how the owner of the mailbox lifts it.

The pause keeps out browsers that never signed in to the account; it ends by itself. Whoever lifts
it proved the mailbox, so that their browser counts as one that was here before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.addresses import BadAddress, canonical
from app.core import audit, floods
from app.core.audit import Event, Origin
from app.core.entry import letters
from app.core.entry.terms import Terms
from app.core.errors import LinkDead, TooManyTries, WrongCode
from app.core.outbox import Cap, Kind
from app.core.people import users
from app.core.proof import codes, guesses, links
from app.core.proof.codes import RanOut
from app.core.proof.links import Link
from app.models.access import Purpose

KINDS = {guesses.ACCOUNT: Kind.PAUSED, guesses.PIN: Kind.PIN_PAUSED}
"""The mail about a pause, by what was tried: the password, or the passphrase of a PIN."""


def begin(
    db: Session,
    address: str,
    email: str,
    *,
    scope: str = guesses.ACCOUNT,
    terms: Terms,
    origin: Origin,
) -> None:
    """Write to the owner of `address` that sign-in is paused; the caller commits.

    Where several accounts share it, each is written to. Where nobody has it the same rows are
    written, and nothing is sent. `scope` is what was tried.
    """
    ends_at = guesses.window_ends_at(db, address, scope=scope)
    try:
        canonical(email)
    except BadAddress:
        return
    if ends_at is None:
        return
    found = users.counted_as(db, address)
    for each in [user.email for user in found] or [email]:
        letters.send(
            db, KINDS[scope], each, terms=terms, held=not found, cap=Cap.PAUSE,
            counted_as=address, scope=scope, ends_at=ends_at.isoformat(),
            user_agent=origin.user_agent, place=origin.place,
        )  # fmt: skip
    floods.record(db, Event.PAUSE_BEGAN, origin, address=address, **_noted(scope))


@dataclass(frozen=True)
class Pause:
    """What a mailed link lifts: whose pause, by canonical address, and when it would end.

    `mailbox` is where the mail went, which differs where accounts share a canonical address.
    """

    address: str
    mailbox: str
    ends_at: datetime
    scope: str

    @property
    def of_pin(self) -> bool:
        """Whether it keeps back a PIN, and no browser."""
        return self.scope == guesses.PIN


def read_link(db: Session, token: str, *, terms: Terms) -> Pause:
    """The pause of a mailed link. Raises `LinkDead`, also where it is over; uses nothing up."""
    lifetime = letters.lifetime_of(Purpose.UNPAUSE, terms)
    facts = links.read(Link.UNPAUSE, token, lifetime=lifetime, keys=terms.keys)
    ends_at = datetime.fromisoformat(facts["ends_at"])
    scope = facts.get("scope", guesses.ACCOUNT)
    pause = Pause(facts["address"], facts["mailbox"], ends_at, scope)
    if guesses.window_ends_at(db, pause.address, scope=scope) != ends_at:
        raise LinkDead
    return pause


def lift_by_link(db: Session, token: str, *, terms: Terms, origin: Origin) -> str:
    """End the pause that the link was mailed for; the canonical address.

    The codes of such mails end with it, and wrong ones are forgotten. Raises `LinkDead`.
    """
    pause = read_link(db, token, terms=terms)
    codes.end_all(db, Purpose.UNPAUSE, pause.mailbox, counted_as=pause.address)
    # Of two presses at once one finds the pause; the caller rolls the other back.
    if not guesses.lift(db, pause.address, ends_at=pause.ends_at, scope=pause.scope):
        raise LinkDead
    noted = _noted(pause.scope)
    audit.record(db, Event.PAUSE_LIFTED, origin, address=pause.address, by="link", **noted)
    return pause.address


def lift_by_code(db: Session, email: str, code: str, *, terms: Terms, origin: Origin) -> str:
    """End the pause of whoever has the mailed code; the canonical address.

    Raises `BadAddress` or `NotSixDigits`; and `RanOut`, `WrongCode` or `TooManyTries`, which the
    caller commits as refused.
    """
    address = canonical(email)
    found = users.find(db, address, email)
    mailbox = found[0].mailbox if found else address
    purpose = Purpose.UNPAUSE
    try:
        code_id = codes.check(db, purpose, mailbox, code, counted_as=address, keys=terms.keys)
        codes.use(db, purpose, mailbox, code_id, counted_as=address)
    except (RanOut, TooManyTries, WrongCode) as refusal:
        floods.record(
            db, Event.SIGN_IN_REFUSED, origin, method=purpose.value, refusal=refusal.code,
            address=address,
        )  # fmt: skip
        raise
    for scope in KINDS:
        guesses.lift(db, address, scope=scope)
    audit.record(db, Event.PAUSE_LIFTED, origin, address=address, by="code")
    return address


def _noted(scope: str) -> dict[str, Any]:
    # A pause of the password is what is meant where nothing is said.
    return {} if scope == guesses.ACCOUNT else {"scope": scope}

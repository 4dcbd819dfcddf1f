"""The pause after too many wrong passwords, and how the owner of the mailbox lifts it.

The pause keeps out browsers that never signed in to the account; it ends by itself. Whoever lifts
it proved the mailbox, so that their browser counts as one that was here before.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.addresses import BadAddress, canonical
from app.core import audit
from app.core.audit import Event, Origin
from app.core.entry import letters
from app.core.entry.terms import Terms
from app.core.errors import LinkDead
from app.core.outbox import Kind
from app.core.people import agents, users
from app.core.proof import codes, guesses, links
from app.core.proof.links import Link
from app.models.access import Purpose


def begin(db: Session, address: str, email: str, *, terms: Terms, origin: Origin) -> None:
    """Write to the owner of `address` that sign-in is paused; the caller commits.

    Where nobody has the address the same rows are written, and nothing is sent.
    """
    ends_at = guesses.paused_until(db, address)
    try:
        canonical(email)
    except BadAddress:
        return
    if ends_at is None:
        return
    letters.send(
        db,
        Kind.PAUSED,
        email,
        terms=terms,
        held=users.find(db, address, email) is None,
        counted_as=address,
        ends_at=ends_at.isoformat(),
        agent=agents.describe(origin.user_agent),
        ip=origin.ip,
    )
    audit.record(db, Event.PAUSE_BEGAN, origin, address=address)


def read_link(db: Session, token: str, *, terms: Terms) -> tuple[str, datetime]:
    """The canonical address of a mailed link, and when the pause that it lifts would end.

    Raises `LinkDead`, also where the pause is over; looking uses nothing up.
    """
    lifetime = letters.lifetime_of(Purpose.UNPAUSE, terms)
    facts = links.read(Link.UNPAUSE, token, lifetime=lifetime, keys=terms.keys)
    address, ends_at = facts["address"], datetime.fromisoformat(facts["ends_at"])
    if guesses.paused_until(db, address) != ends_at:
        raise LinkDead
    return address, ends_at


def lift_by_link(db: Session, token: str, *, terms: Terms, origin: Origin) -> str:
    """End the pause that the link was mailed for; the canonical address. Raises `LinkDead`."""
    address, ends_at = read_link(db, token, terms=terms)
    # Of two presses at once one finds the pause.
    if not guesses.lift(db, address, ends_at=ends_at):
        raise LinkDead
    audit.record(db, Event.PAUSE_LIFTED, origin, address=address, by="link")
    return address


def lift_by_code(db: Session, email: str, code: str, *, terms: Terms, origin: Origin) -> str:
    """End the pause of whoever has the mailed code; the canonical address.

    Raises `BadAddress`, `NotSixDigits`, `WrongCode` or `TooManyTries`.
    """
    address = canonical(email)
    found = users.find(db, address, email)
    mailbox = found[0].mailbox if found else address
    code_id = codes.check(db, Purpose.UNPAUSE, mailbox, code, counted_as=address, keys=terms.keys)
    codes.use(db, Purpose.UNPAUSE, mailbox, code_id, counted_as=address)
    guesses.lift(db, address)
    audit.record(db, Event.PAUSE_LIFTED, origin, address=address, by="code")
    return address

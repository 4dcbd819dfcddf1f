"""The PIN that somebody adds to their account on the site, so that chats know them by it."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import Event, Origin
from app.core.entry import chat_profile
from app.core.entry.terms import Terms
from app.core.errors import N_, NotFound, Refusal
from app.core.proof import guesses, pins
from app.models.people import User


class MailboxFirst(Refusal):
    """Nothing is added to an account whose mailbox nobody proved: it could be another's."""

    code = "mailbox_first"
    status = 409
    words = N_(
        "Show first that your mailbox is yours: choose a new password by mail, then come back."
    )


def check_mailbox(user: User) -> None:
    """Raises `MailboxFirst` where this account may not have a PIN yet."""
    if user.verified_at is None:
        raise MailboxFirst


def choose(db: Session, user: User, passphrase: str, *, terms: Terms, origin: Origin) -> str:
    """Give this person a PIN with this passphrase, or their PIN a new one; its digits.

    A pause ends, and the mailbox is told. Raises `MailboxFirst`, `PasswordRefused` or `Busy`. The
    caller commits.
    """
    check_mailbox(user)
    secret_hash = chat_profile.new_secret(db, user, passphrase, terms)
    _hold(db, user)
    found = pins.of(db, user.id)
    if found is None:
        digits = pins.add(db, user.id, secret_hash, {})[1]
    else:
        digits = found.digits
        saved = {"saved": found.data.get("saved", 0) + 1}
        pins.change(db, found, secret_hash=secret_hash, data=saved)
    guesses.lift(db, user.counted_as, scope=guesses.PIN)
    event, became = (Event.PIN_ADDED, "added") if found is None else (Event.PIN_CHANGED, "changed")
    audit.record(db, event, origin, user_id=user.id, actor_id=user.id)
    chat_profile.tell(db, user, became, origin)
    return digits


def remove(db: Session, user: User, *, origin: Origin) -> None:
    """Take the PIN away; the mailbox is told. Raises `NotFound` where there is none."""
    _hold(db, user)
    if not pins.drop(db, user.id):
        raise NotFound
    guesses.lift(db, user.counted_as, scope=guesses.PIN)
    audit.record(db, Event.PIN_REMOVED, origin, user_id=user.id, actor_id=user.id)
    chat_profile.tell(db, user, "removed", origin)


def _hold(db: Session, user: User) -> None:
    # Two browsers at once: one after the other, so that nobody ends with two PINs.
    db.execute(
        update(User)
        .where(User.id == user.id)
        .values(verified_at=User.verified_at)
        .execution_options(synchronize_session=False)
    )

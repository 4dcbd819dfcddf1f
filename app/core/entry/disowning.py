"""'This wasn't me': who did not sign in themselves shuts every door to their account by mail.

The link works without signing in. It ends every session, takes the password away, which somebody
else knows, with the PIN, the number that codes go to and the accounts elsewhere that sign in, and
mails a way to a new password.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import letters, own_phone, renewing
from app.core.entry.terms import Terms
from app.core.errors import LinkDead
from app.core.outbox import Cap, Kind
from app.core.people import limited, sessions
from app.core.people.sessions import NOT_ME
from app.core.proof import credentials, links, pins, stamps, ways
from app.core.proof.links import Link
from app.models.access import SignInSession
from app.models.people import User

LIFETIME = timedelta(days=7)


def read_link(db: Session, token: str, *, terms: Terms) -> User:
    """The person whom the mail was about. Raises `LinkDead`; looking uses nothing up."""
    facts = links.read(Link.NOT_ME, token, lifetime=LIFETIME, keys=terms.keys)
    user = db.get(User, facts["user"])
    if user is None or stamps.of_mailbox(user) != facts["stamp"]:
        raise LinkDead
    return renewing.as_read(db, user)


def disown(db: Session, token: str, *, terms: Terms, origin: Origin) -> str:
    """End what the stranger opened, and mail the owner a way to a new password; the mailbox.

    Raises `LinkDead`, also for the second of two presses at once. The caller commits.
    """
    user = read_link(db, token, terms=terms)
    claimed = db.scalar(
        update(User)
        .where(stamps.mailbox_unmoved(user))
        .values(password_hash=None, verified_at=clock.now())
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    if claimed is None:
        raise LinkDead
    shut_all(db, user)
    audit.record(db, Event.INTRUSION_REPORTED, origin, user_id=user.id)
    letters.send(db, Kind.RESET, user.email, terms=terms, cap=Cap.NONE)
    return user.mailbox


def shut_all(db: Session, user: User) -> None:
    """End all that opens the account of `user`, as it was read, beside the password.

    The caller took the password away, and mails a way to a new one.
    """
    pins.drop(db, user.id)
    limited.end_of(db, user.counted_as)
    renewing.end_mailed(db, user)
    renewing.remember_former(db, user)
    own_phone.take_away(db, user)
    for each in ways.PROVIDERS:
        credentials.remove(db, user.id, each)
    _end_sessions(db, user.id)


def _end_sessions(db: Session, user_id: int) -> None:
    whose = SignInSession.user_id == user_id
    sessions.end_all_of(db, whose, NOT_ME)
    # The stranger may have signed out already: no browser counts as one that was here before.
    db.execute(
        update(SignInSession)
        .where(whose)
        .values(end_reason=NOT_ME)
        .execution_options(synchronize_session=False)
    )

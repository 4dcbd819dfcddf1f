"""Step-up: somebody who is signed in proves again who they are, before a sensitive change."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import Event, Origin
from app.core.entry import signin
from app.core.entry.terms import Terms
from app.core.people import sessions
from app.core.people.sessions import Presence


def confirm(
    db: Session,
    here: Presence,
    token: str,
    password: str,
    *,
    known_since: datetime | None,
    terms: Terms,
    origin: Origin,
) -> str:
    """Ask for the password again; the new token under which the session of `token` goes on.

    A wrong one counts as a try to sign in. Raises `Busy`, `CannotSignIn`, `TooManyPasswords`, or
    `SignedOut` where the session ended in the meantime. The caller commits.
    """
    person = here.user.id
    signin.check_password(
        db, here.user, password, known_since=known_since, terms=terms, origin=origin
    )
    fresh = sessions.prove_again(db, token)
    audit.record(
        db, Event.SESSION_PROVED, origin, user_id=person, actor_id=person, method="password"
    )
    return fresh

"""A new password for somebody who is signed in and has just proved again who they are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.audit import Origin
from app.core.entry import choosing, renewing
from app.core.entry.terms import Terms
from app.core.errors import N_, LinkDead, Refusal
from app.core.people import sessions, users
from app.core.people.sessions import Presence
from app.models.access import FormerPassword


class Overtaken(Refusal):
    """The account changed between the look at it and the change."""

    code = "overtaken"
    status = 409
    words = N_("Your account changed in the meantime. Look again before you go on.")


def change(
    db: Session, here: Presence, token: str, password: str, *, terms: Terms, origin: Origin
) -> str:
    """Set the password; the new token under which the session of `token` goes on.

    All other sessions end, and so do links and codes that were mailed before. Raises
    `PasswordRefused`, `Overtaken`, `Busy`, or `SignedOut`. The caller commits.
    """
    user = renewing.as_read(db, users.get(db, here.user.id)[0])
    unfit = choosing.password_problem(password, user.mailbox, terms, user.last_name)
    if unfit is None:
        unfit = renewing.problem_for(db, user, password, terms)
    if unfit is not None:
        raise unfit
    try:
        renewing.renew(
            db,
            user,
            password,
            method="account",
            proves_mailbox=False,
            terms=terms,
            origin=origin,
            but_session=here.session_id,
        )
    except LinkDead:
        raise Overtaken from None
    return sessions.change_token(db, token)


def changed_at(db: Session, user_id: int) -> datetime | None:
    """When the password was last changed; None where it never was, or nobody noted it."""
    return db.scalar(
        select(func.max(FormerPassword.set_at)).where(FormerPassword.user_id == user_id)
    )

"""An account passes to the owner of its address: what a stranger set on it before is dropped.

Before anybody proved its mailbox, whatever stands on an account may be a stranger's, who asked for
it first and waits for the owner (account pre-hijacking, USENIX Security 2022).
"""

from __future__ import annotations

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import renewing
from app.core.errors import LinkDead
from app.core.people import limited, sessions
from app.core.proof import codes, stamps
from app.models.access import Credential, Purpose, SignInSession
from app.models.people import User

CLAIMED = "claimed"
"""The reason of sessions that were open when the owner came."""


def take_over(db: Session, user: User, origin: Origin) -> None:
    """Give the account, as it was read, to who proved its address just now.

    Its password, ways in, sessions, codes and mailed links fall, and so does whatever waits for a
    proof of the address. Raises `LinkDead` where the account changed since it was read, or was
    proven already. The caller commits.
    """
    now = clock.now()
    claimed = db.scalar(
        update(User)
        .where(stamps.unmoved(user), User.verified_at.is_(None))
        .values(password_hash=None, verified_at=now)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    if claimed is None:
        raise LinkDead
    renewing.end_mailed(db, user)  # Codes to a number end too, so it comes before the number goes.
    codes.end_all(db, Purpose.CREATE, user.mailbox, counted_as=user.counted_as)
    drop_all(db, user, CLAIMED)
    audit.record(db, Event.ACCOUNT_CLAIMED, origin, user_id=user.id, actor_id=user.id)


def drop_all(db: Session, user: User, reason: str) -> None:
    """Drop what was set up for the account, as it was read, before anybody proved its address.

    Its sessions end for this `reason`, its ways in go, and what waits for a proof of the address.
    """
    renewing.remember_former(db, user)
    sessions.end_all_of(db, SignInSession.user_id == user.id, reason)
    db.execute(
        delete(Credential)
        .where(Credential.user_id == user.id)
        .execution_options(synchronize_session=False)
    )
    limited.end_of(db, user.counted_as)

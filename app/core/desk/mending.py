"""What mends a person's way in at once: a pause lifted, a suspension ended, an expiry moved."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import letters
from app.core.errors import NotAllowed, NotFound
from app.core.people import roles
from app.core.proof import guesses
from app.models.people import Status, User


def lift_pause(db: Session, address: str, *, by: int, origin: Origin) -> bool:
    """End the pause of this canonical address; False where there is none. The caller commits."""
    lifted = guesses.lift(db, address)
    if lifted:
        audit.record(db, Event.PAUSE_LIFTED, origin, actor_id=by, address=address, by="admin")
    return lifted


def restore(db: Session, user_id: int, *, by: int, origin: Origin) -> bool:
    """End the suspension of an account; False where it is active. The caller commits.

    Raises `NotFound`, or `NotAllowed` where the person may do what the admin may not.
    """
    user = _theirs(db, user_id, by)
    former = user.status
    restored = db.execute(
        update(User)
        .where(User.id == user.id, User.status == former)
        .where(User.status != Status.ACTIVE.value)
        .values(status=Status.ACTIVE.value)
        .execution_options(synchronize_session=False)
    )
    if cast(CursorResult[Any], restored).rowcount != 1:
        return False
    audit.record(db, Event.ACCOUNT_RESTORED, origin, user_id=user.id, actor_id=by, was=former)
    return True


def extend(db: Session, user_id: int, *, by: int, origin: Origin) -> datetime:
    """Let an account be good for another term from today; its new end. The caller commits.

    Raises `NotFound`, or `NotAllowed` where the person may do what the admin may not.
    """
    user = _theirs(db, user_id, by)
    former = user.expiry_date
    midnight = datetime.combine(clock.today(), time.min, tzinfo=clock.now().tzinfo)
    until = midnight + letters.ACCOUNT_TERM
    db.execute(
        update(User)
        .where(User.id == user.id)
        .values(expiry_date=until)
        .execution_options(synchronize_session=False)
    )
    audit.record(
        db,
        Event.ACCOUNT_EXTENDED,
        origin,
        user_id=user.id,
        actor_id=by,
        was=former.date().isoformat() if former else None,
        until=until.date().isoformat(),
    )
    return until


def _theirs(db: Session, user_id: int, by: int) -> User:
    """The account that is to be changed, by somebody who may do all that its person may."""
    user = db.get(User, user_id, populate_existing=True)
    if user is None:
        raise NotFound
    if not roles.permissions_of(db, user.id) <= roles.permissions_of(db, by):
        raise NotAllowed
    return user

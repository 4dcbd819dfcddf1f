"""Taking a way in away from somebody: a phone that was lost, or a number that is another's now."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.audit import Origin
from app.core.desk.people import guarding
from app.core.entry import own_phone


def from_number(db: Session, user_id: int, *, by: int | None, origin: Origin) -> None:
    """Take their number away, and end what it opened; their mailbox is told. The caller commits.

    Raises `NotFound` or `AboveYou`.
    """
    user = guarding.check(db, user_id, by=by)
    own_phone.remove(db, user, origin, by=by)

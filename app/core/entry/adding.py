"""How an admin adds a person: an account without a password, and a mail to set one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import letters
from app.core.entry.terms import Terms
from app.core.errors import AddressTaken
from app.core.outbox import Kind
from app.core.people import names, users
from app.core.roster import entitlements
from app.models.people import Source, Status, User


def add_person(
    db: Session,
    last_name: str,
    email: str,
    lo_root_ids: Sequence[str],
    *,
    by: int,
    terms: Terms,
    origin: Origin,
) -> User:
    """Make an account that holds `lo_root_ids` by the admin's hand, and mail the welcome.

    The caller commits. Raises `NoName`, `OddId`, `BadAddress` or `AddressTaken`.
    """
    name = names.checked_name(last_name)
    names.check_ids(lo_root_ids)
    now = clock.now()
    address = canonical(email)
    if users.is_shared(db, address):
        raise AddressTaken
    user = User(
        last_name=name,
        email=email.strip(),
        address=address,
        status=Status.ACTIVE.value,
        date_added=now,
        expiry_date=now + users.ACCOUNT_TERM,
    )
    db.add(user)
    try:
        db.flush()  # A second account for the address is a clash here, to be said in words.
    except IntegrityError:
        db.rollback()
        raise AddressTaken from None
    entitlements.grant(db, user.id, lo_root_ids, Source.ADMIN)
    entitlements.follow_list(db, User.id == user.id)
    letters.send(db, Kind.WELCOME, address, terms=terms)
    audit.record(db, Event.ACCOUNT_ADDED, origin, user_id=user.id, actor_id=by)
    return user

"""What admins set by hand for people whom an import changes: it stays, whatever the file says.

Kept are LO Root IDs that an admin gave, and a last name that an admin wrote into the account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, exists, or_, select, update
from sqlalchemy.orm import Session

from app.core.audit import Event
from app.models.people import Entitlement, Source, User
from app.models.records import AuditEntry
from app.models.rosters import Change, RosterChange

FIELDS = ("last_name", "lo_root_ids")
"""What of an account an admin can set that a list says too, as the log names it."""

_ADMIN = Source.ADMIN.value


@dataclass(frozen=True)
class Kept:
    """What stays of what was set by hand. `by` is the address of the admin; None if not known."""

    lo_root_ids: list[str]
    last_name: str | None
    """The name of the account; None where no admin wrote it."""
    by: str | None


def find(db: Session, import_id: int) -> int:
    """Mark who of those that change or go has something set by hand; how many they are."""
    given = exists().where(Entitlement.user_id == User.id, Entitlement.source == _ADMIN)
    named = select(AuditEntry.user_id).where(
        AuditEntry.event == Event.ACCOUNT_EDITED.value,
        AuditEntry.details["last_name"].as_string().is_not(None),
    )
    theirs = exists().where(
        User.address == RosterChange.address, or_(given.correlate(User), User.id.in_(named))
    )
    changing = [Change.CHANGED.value, Change.REMOVED.value]
    marked = db.execute(
        update(RosterChange)
        .where(
            RosterChange.import_id == import_id,
            RosterChange.change.in_(changing),
            theirs.correlate(RosterChange),
        )
        .values(edited=True),
        execution_options={"synchronize_session": False},
    )
    return cast(CursorResult[Any], marked).rowcount


def kept_of(db: Session, addresses: Sequence[str]) -> dict[str, Kept]:
    """What stays for each of these people, a page of them, by address."""
    people = db.execute(
        select(User.id, User.address, User.last_name).where(User.address.in_(addresses))
    ).all()
    ids = [person.id for person in people]
    given: dict[int, list[str]] = {}
    for user_id, lo_root_id in db.execute(
        select(Entitlement.user_id, Entitlement.lo_root_id)
        .where(Entitlement.user_id.in_(ids), Entitlement.source == _ADMIN)
        .order_by(Entitlement.lo_root_id)
    ):
        given.setdefault(user_id, []).append(lo_root_id)
    named, by = _edits(db, ids)
    return {
        address: Kept(given.get(user_id, []), name if user_id in named else None, by.get(user_id))
        for user_id, address, name in people
        if address is not None
    }


def _edits(db: Session, user_ids: Sequence[int]) -> tuple[set[int], dict[int, str]]:
    """Whose name an admin wrote, and who was the last to set something by hand for whom."""
    rows = db.execute(
        select(AuditEntry.user_id, AuditEntry.event, AuditEntry.details, User.email)
        .outerjoin(User, User.id == AuditEntry.actor_id)
        .where(
            AuditEntry.user_id.in_(user_ids),
            AuditEntry.event.in_([Event.ACCOUNT_EDITED.value, Event.ACCOUNT_ADDED.value]),
        )
        .order_by(AuditEntry.id)
    )
    named: set[int] = set()
    by: dict[int, str] = {}
    for user_id, event, details, admin in rows:
        if "last_name" in details:
            named.add(user_id)
        # Who adds an account gives it its first LO Root IDs too.
        set_something = event == Event.ACCOUNT_ADDED.value or not details.keys().isdisjoint(FIELDS)
        if admin is not None and set_something:
            by[user_id] = admin
    return named, by

"""What admins set by hand for people of an import: it stays, unless the file is told to win.

Set by hand are LO Root IDs that an admin gave, a last name that an admin wrote into the account,
a suspension, and an end date that an admin chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, literal_column, not_, or_, select
from sqlalchemy.orm import Session

from app.core.audit import Event
from app.models.edits import RosterEdit
from app.models.people import Entitlement, Source, Status, User
from app.models.records import AuditEntry

ADMIN: ColumnElement[str] = literal_column(f"'{Source.ADMIN.value}'")
"""The source of what admins gave. The literal says to the database which index holds it."""

EVENTS = [
    Event.ACCOUNT_EDITED.value,
    Event.ACCOUNT_EXTENDED.value,
    Event.ACCOUNT_SUSPENDED.value,
]
"""By what an admin sets a name, a status or an end date."""


@dataclass(frozen=True)
class Kept:
    """What stays of what was set by hand. `by` is the address of the admin; None if not known."""

    lo_root_ids: list[str]
    last_name: str | None
    """The name of the account; None where no admin wrote it."""
    status: str | None
    """The status of the account; None where no admin suspended them."""
    has_end: bool
    """Whether an admin chose the end date."""
    ends_at: datetime | None
    """The end date that an admin chose; None for never."""
    by: str | None

    @property
    def anything(self) -> bool:
        """Whether anything of it is there still."""
        return bool(self.lo_root_ids or self.last_name or self.status or self.has_end)


def name_by_hand() -> ColumnElement[bool]:
    """The SQL condition under which an admin wrote the last name that a `User` has."""
    written = AuditEntry.details[("last_name", 1)].as_string()
    return exists().where(
        AuditEntry.user_id == User.id,
        AuditEntry.event == Event.ACCOUNT_EDITED.value,
        written == User.last_name,
    )


def status_by_hand() -> ColumnElement[bool]:
    """The SQL condition under which an admin suspended a `User`, who still is."""
    suspended = exists().where(
        AuditEntry.user_id == User.id, AuditEntry.event == Event.ACCOUNT_SUSPENDED.value
    )
    return (func.lower(func.trim(User.status)) != Status.ACTIVE.lower()) & suspended


def expiry_by_hand() -> ColumnElement[bool]:
    """The SQL condition under which an admin chose the end date of a `User`.

    A date that a file gave when it won is no admin's, although one had been chosen before.
    """
    chosen = exists().where(
        AuditEntry.user_id == User.id,
        or_(
            AuditEntry.event == Event.ACCOUNT_EXTENDED.value,
            (AuditEntry.event == Event.ACCOUNT_EDITED.value)
            & AuditEntry.details["expiry_date"].as_string().is_not(None),
        ),
    )
    given = exists().where(
        RosterEdit.user_id == User.id, RosterEdit.given_expiry == User.expiry_date
    )
    return chosen & not_(given)


def kept_of(db: Session, addresses: Sequence[str]) -> dict[str, Kept]:
    """What stays for each of these people, a page of them, by address."""
    people = db.execute(
        select(
            User.id, User.address, User.last_name, User.status, User.expiry_date,
            name_by_hand().label("named"), status_by_hand().label("suspended"),
            expiry_by_hand().label("dated"),
        ).where(User.address.in_(addresses))
    ).all()  # fmt: skip
    ids = [person.id for person in people]
    given: dict[int, list[str]] = {}
    for user_id, lo_root_id in db.execute(
        select(Entitlement.user_id, Entitlement.lo_root_id)
        .where(Entitlement.user_id.in_(ids), Entitlement.source == ADMIN)
        .order_by(Entitlement.lo_root_id)
    ):
        given.setdefault(user_id, []).append(lo_root_id)
    by = _last_by(db, ids)
    return {
        each.address: Kept(
            lo_root_ids=given.get(each.id, []),
            last_name=each.last_name if each.named else None,
            status=each.status if each.suspended else None,
            has_end=each.dated,
            ends_at=each.expiry_date if each.dated else None,
            by=by.get(each.id),
        )
        for each in people
    }


def _last_by(db: Session, user_ids: Sequence[int]) -> dict[int, str]:
    """Who was the last to set something by hand for whom."""
    ours = AuditEntry.details
    events = [*EVENTS, Event.ACCOUNT_ADDED.value]
    set_something = or_(
        # Who adds an account gives it its first LO Root IDs too.
        AuditEntry.event != Event.ACCOUNT_EDITED.value,
        *(
            ours[name].as_string().is_not(None)
            for name in ("last_name", "lo_root_ids", "expiry_date")
        ),
    )
    last = (
        select(func.max(AuditEntry.id))
        .join(User, User.id == AuditEntry.actor_id)
        .where(AuditEntry.user_id.in_(user_ids), AuditEntry.event.in_(events), set_something)
        .group_by(AuditEntry.user_id)
    )
    rows = db.execute(
        select(AuditEntry.user_id, User.email)
        .join(User, User.id == AuditEntry.actor_id)
        .where(AuditEntry.id.in_(last))
    )
    return {user_id: email for user_id, email in rows if user_id is not None}

"""What happened: one typed row per event, written in the transaction of what it tells of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from app.core import clock
from app.models.people import User
from app.models.records import AuditEntry

WRITING = insert(cast(Table, AuditEntry.__table__))
"""Made once: it is part of every sign-in, and making it takes longer than carrying it out."""

LONGEST = 400
"""Characters that are kept of a value that came from outside."""


class Event(StrEnum):
    """What can happen: area, thing, what became of it."""

    ACCOUNT_ADDED = "account:added"
    ACCOUNT_OPENED = "account:opened"
    ADMIN_APPOINTED = "account:admin_appointed"
    CHAT_CLEARED = "chat:cleared"
    DATABASE_ADOPTED = "database:adopted"
    MAIL_FAILED = "mail:failed"
    INTRUSION_REPORTED = "account:intrusion_reported"
    PASSWORD_CHANGED = "password:changed"  # noqa: S105 - an event
    PAUSE_BEGAN = "sign_in:pause_began"
    PAUSE_LIFTED = "sign_in:pause_lifted"
    RECOVERY_ASKED = "recovery:asked"
    REGISTRATION_ASKED = "registration:asked"
    REQUEST_REFUSED = "request:refused"
    ROSTER_APPLIED = "roster:applied"
    ROSTER_CHECKED = "roster:checked"
    ROSTER_DISCARDED = "roster:discarded"
    ROSTER_REFUSED = "roster:refused"
    SESSION_ENDED = "session:ended"
    SESSION_PROVED = "session:proved"
    SIGN_IN_ADMITTED = "sign_in:admitted"
    SIGN_IN_REFUSED = "sign_in:refused"


@dataclass(frozen=True)
class Origin:
    """Where a request came from; `reference` is the number that error pages and the log show."""

    ip: str | None = None
    user_agent: str | None = None
    reference: str | None = None
    place: str | None = None
    """Roughly where that is, in words (`people.places`)."""
    device: str | None = None
    """The random name of the browser, which its device cookie carries."""


NOWHERE = Origin()
"""The origin of what the clock or a maintainer at the console does."""


def record(
    db: Session,
    event: Event,
    origin: Origin,
    *,
    user_id: int | None = None,
    actor_id: int | None = None,
    **details: Any,
) -> None:
    """Add an entry about `user_id`, done by `actor_id`; `details` must hold no secret."""
    db.execute(
        WRITING,
        {
            "at": clock.now(),
            "event": event.value,
            "actor_id": actor_id,
            "user_id": user_id,
            "ip": origin.ip,
            "user_agent": origin.user_agent[:LONGEST] if origin.user_agent else None,
            "reference": origin.reference,
            "details": {name: _short(value) for name, value in details.items()},
        },
    )


def latest(db: Session, *, before: int | None = None, limit: int = 50) -> list[AuditEntry]:
    """The newest entries, newest first; `before` is the id of the last row already seen."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return list(db.scalars(query))


def people_in(db: Session, entries: list[AuditEntry]) -> dict[int, str]:
    """The addresses of everybody whom these entries name, by id, in one query."""
    ids = {each.actor_id for each in entries} | {each.user_id for each in entries}
    rows = db.execute(select(User.id, User.email).where(User.id.in_(ids - {None})))
    return dict(rows.all())


def _short(value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) else value

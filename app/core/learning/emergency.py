"""The emergency switch: for some hours everybody who is signed in may open every active program.

It is one row that ends by its own moment, so that nothing has to run for it to be over, and it
changes neither what people hold nor what programs ask for. The door stays as it is: who may not
come in does not. Programs for people with a role stay theirs.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import NOWHERE, Event, Origin
from app.core.errors import N_, Refusal
from app.models.programs import Emergency

HOURS = 4
"""For how long, where nobody says anything else."""

MOST_HOURS = 24
LONGEST_REASON = 500
"""Characters."""

ONLY = 1
"""The id of the one row: of two who switch it on at once, one does."""

_QUIET = {"synchronize_session": False}


class BadHours(Refusal):
    """A number of hours that is none, or too long for an emergency."""

    code = "bad_hours"
    status = 422
    words = N_("Enter a number of hours from 1 to %(most)s.")


class BadReason(Refusal):
    """No reason, or one that is a story."""

    code = "bad_reason"
    status = 422
    words = N_("Say why, in up to %(most)s characters.")


class EmergencyOn(Refusal):
    """It is on already: who wants longer ends it and begins anew, so that both are recorded."""

    code = "emergency_on"
    status = 409
    words = N_("The emergency switch is on already. End it first to begin anew.")


class EmergencyOff(Refusal):
    """There is nothing to end."""

    code = "emergency_off"
    status = 409
    words = N_("The emergency switch is off: it was ended, or its time ran out.")


def is_on(now: ColumnElement[datetime] | None = None) -> ColumnElement[bool]:
    """The SQL condition under which the switch is on now; `now` is for statements made once."""
    return exists().where(Emergency.ends_at > (clock.now() if now is None else now))


def standing(db: Session) -> Emergency | None:
    """What is on now; None where nothing is."""
    return db.scalar(select(Emergency).where(Emergency.ends_at > clock.now()))


def begin(db: Session, *, hours: int, reason: str, by: int | None, origin: Origin) -> Emergency:
    """Switch it on for so many hours. The caller commits.

    Raises `BadHours`, `BadReason` or `EmergencyOn`.
    """
    if not 1 <= hours <= MOST_HOURS:
        raise BadHours(most=MOST_HOURS)
    reason = " ".join(reason.replace("\0", " ").encode("utf-8", "replace").decode().split())
    if not reason or len(reason) > LONGEST_REASON:
        raise BadReason(most=LONGEST_REASON)
    note_over(db)
    now = clock.now()
    until = now + timedelta(hours=hours)
    row = {"id": ONLY, "began_at": now, "ends_at": until, "reason": reason, "began_by": by}
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    made = insert(Emergency).values(row).on_conflict_do_nothing().returning(Emergency)
    found = db.scalar(made)
    if found is None:
        raise EmergencyOn
    audit.record(
        db, Event.EMERGENCY_BEGAN, origin, actor_id=by,
        hours=hours, until=until.isoformat(), reason=reason,
    )  # fmt: skip
    return found


def end(db: Session, *, by: int | None, origin: Origin) -> None:
    """Switch it off now. The caller commits. Raises `EmergencyOff`."""
    running = delete(Emergency).where(Emergency.ends_at > clock.now())
    until = db.scalar(running.returning(Emergency.ends_at), execution_options=_QUIET)
    if until is None:
        raise EmergencyOff
    audit.record(db, Event.EMERGENCY_ENDED, origin, actor_id=by, until=until.isoformat())


def note_over(db: Session) -> bool:
    """Record that its time ran out, once; False where there is nothing to record.

    The caller commits. It was over at its moment, whenever this is called.
    """
    over = Emergency.ends_at <= clock.now()
    # Asked first: a worker does this each minute, and a delete would lock the database.
    if db.scalar(select(Emergency.id).where(over)) is None:
        return False
    gone = delete(Emergency).where(over).returning(Emergency.ends_at, Emergency.began_by)
    row = db.execute(gone, execution_options=_QUIET).one_or_none()
    if row is None:
        return False
    audit.record(
        db, Event.EMERGENCY_RAN_OUT, NOWHERE, until=row.ends_at.isoformat(), began_by=row.began_by
    )
    return True

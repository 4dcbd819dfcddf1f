"""What gave way to a file comes back with the undo of its import, where nobody changed it since.

A name and an end date come back where they are still what the file made of them; a suspension,
where no admin let the person in or suspended them since; LO Root IDs, where they are not held.
Left as they are, as with the import itself: who takes it back, and who may do more than they may.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, func, insert, not_, select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import Event, Origin
from app.core.people import bounds, sessions
from app.core.roster import entitlements, ledger, planner
from app.core.roster.edits import ADMIN
from app.core.roster.yielded import yielded_by
from app.core.roster.yielding import BATCH, change
from app.models.access import SignInSession
from app.models.edits import RosterEdit, TakenId
from app.models.people import Entitlement, Status, User
from app.models.records import AuditEntry
from app.models.rosters import RosterImport

BY_ADMIN = "by_admin"
"""The reason of sessions that end as an admin's suspension comes back."""


def give_back(db: Session, found: RosterImport, *, by: int | None, origin: Origin) -> int:
    """Give back what the import that `found` takes back had won over; to how many people.

    The caller commits. Counts nobody where no file won.
    """
    last = ledger.get(db, found.undoes) if found.undoes else None
    if last is None or not last.yielded:
        return 0
    planner.give_room(db)
    owner = User.id == RosterEdit.user_id
    able = exists().where(owner, bounds.in_bulk(db, by)).correlate(RosterEdit)
    theirs = yielded_by(last.id) & able
    _restore(db, last, theirs)
    _end_sessions(db, theirs)
    _give_ids(db, last.id, theirs)
    whose = select(RosterEdit.user_id).where(theirs)
    entitlements.follow_list(db, User.id.in_(whose))
    found.yielded = db.scalar(select(func.count()).select_from(whose.subquery())) or 0
    _note(db, last.id, theirs, by, origin)
    return found.yielded


def _restore(db: Session, last: RosterImport, theirs: ColumnElement[bool]) -> None:
    named = and_(RosterEdit.former_name.is_not(None), User.last_name == RosterEdit.last_name)
    decided = exists().where(
        AuditEntry.user_id == User.id,
        AuditEntry.event.in_([Event.ACCOUNT_RESTORED.value, Event.ACCOUNT_SUSPENDED.value]),
        AuditEntry.at >= last.applied_at,
    )
    let_in = and_(
        RosterEdit.former_status.is_not(None),
        User.status == Status.ACTIVE.value,
        not_(decided.correlate(User)),
    )
    change(
        db,
        theirs,
        last_name=(named, RosterEdit.former_name),
        status=(let_in, RosterEdit.former_status),
        expiry_date=(User.expiry_date == RosterEdit.given_expiry, RosterEdit.former_expiry),
    )


def _end_sessions(db: Session, theirs: ColumnElement[bool]) -> None:
    """Sign out those whose suspension came back."""
    back = (
        select(User.id)
        .join(RosterEdit, RosterEdit.user_id == User.id)
        .where(theirs, User.status == RosterEdit.former_status)
    )
    sessions.end_all_of(db, SignInSession.user_id.in_(back), BY_ADMIN)


def _give_ids(db: Session, import_id: int, theirs: ColumnElement[bool]) -> None:
    held = exists().where(
        Entitlement.user_id == TakenId.user_id,
        Entitlement.lo_root_id == TakenId.lo_root_id,
        Entitlement.source == ADMIN,
    )
    rows = (
        select(TakenId.user_id, TakenId.lo_root_id, ADMIN, TakenId.granted_at)
        .join(RosterEdit, RosterEdit.user_id == TakenId.user_id)
        .where(TakenId.import_id == import_id, theirs, not_(held))
    )
    columns = ["user_id", "lo_root_id", "source", "granted_at"]
    db.execute(insert(Entitlement).from_select(columns, rows))


def _note(
    db: Session, import_id: int, theirs: ColumnElement[bool], by: int | None, origin: Origin
) -> None:
    """Write an entry about each account."""
    after = ""
    while rows := db.execute(
        select(RosterEdit.user_id, RosterEdit.address)
        .where(theirs, RosterEdit.address > after)
        .order_by(RosterEdit.address)
        .limit(BATCH)
    ).all():
        about = {user_id: {"undone": import_id} for user_id, _address in rows}
        audit.record_all(db, Event.ACCOUNT_GIVEN_BACK, origin, about, actor_id=by)
        after = rows[-1].address

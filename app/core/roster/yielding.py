"""What admins set by hand gives way to the file of an import, where somebody ticked that it wins.

For people whom the file names, and for nobody else: a last name that an admin wrote becomes the
file's; LO Root IDs that an admin gave go, but for those that the list in force then grants; and
who has an active line is let in again where an admin had suspended them, and gets in place of an
end date that an admin chose the one that an account opened today has. An account's former date
is not looked for: it may lie behind us, and the file says that the person may enter. What is set
by hand between the check and the apply gives way too, for those of whom the page said so.

Left as they are: who applies it, and who may do things here that they may not, or hands out roles
(`people.bounds`), so that nobody loses the console by it. Statements over sets; entries in batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.people import bounds, users
from app.core.roster import entitlements, planner
from app.core.roster.edits import ADMIN
from app.core.roster.yielded import could, taken_ids, yielded_by
from app.models.edits import RosterEdit, TakenId
from app.models.people import Entitlement, Status, User
from app.models.rosters import RosterImport, RosterLine

BATCH = 1000
"""People about whom entries are written at once."""

_QUIET = {"synchronize_session": False}
_OWNER = User.id == RosterEdit.user_id


def give_way(db: Session, found: RosterImport, *, by: int | None, origin: Origin) -> int:
    """Let the file win where that was ticked; for how many people it did. The caller commits.

    The lines of the import have to be in the list already.
    """
    if not found.file_wins:
        return 0
    planner.give_room(db)
    able = exists().where(_OWNER, bounds.in_bulk(db, by)).correlate(RosterEdit)
    marked = _mark(db, RosterEdit.import_id == found.id, could(), able, yielded=True)
    # Else each statement below would take these rows for none at all.
    planner.tell(db, marked, RosterEdit)
    theirs = yielded_by(found.id)
    _write_down(db, theirs, clock.now() + users.ACCOUNT_TERM)
    _change_accounts(db, theirs)
    _take_ids(db, found.id, theirs)
    _mark(db, theirs, not_(_anything()), yielded=False)
    found.yielded = db.scalar(select(func.count()).select_from(RosterEdit).where(theirs)) or 0
    if found.yielded:
        whose = select(RosterEdit.user_id).where(theirs)
        entitlements.follow_list(db, User.id.in_(whose))
        _note(db, found.id, by, origin)
    return found.yielded


def _mark(db: Session, *which: ColumnElement[bool], **values: Any) -> int:
    """Write values into the edits that are meant; how many they are."""
    done = db.execute(update(RosterEdit).where(*which).values(**values), execution_options=_QUIET)
    return cast(CursorResult[Any], done).rowcount


def _write_down(db: Session, theirs: ColumnElement[bool], ends: datetime) -> None:
    """Keep what stands in the accounts where it differs, and the end date that they get."""
    renamed = and_(RosterEdit.last_name != "", User.last_name != RosterEdit.last_name)
    active = Status.ACTIVE.lower()
    shut = and_(RosterEdit.status.is_(True), func.lower(func.trim(User.status)) != active)
    dated = RosterEdit.expiry.is_(True)
    values = {
        "former_name": case((renamed, User.last_name)),
        "former_status": case((shut, User.status)),
        "former_expiry": case((dated, User.expiry_date)),
        "given_expiry": case((dated, literal(ends, RosterEdit.given_expiry.type))),
    }
    _mark(db, theirs, _OWNER, or_(renamed, shut, dated), **values)


def _change_accounts(db: Session, theirs: ColumnElement[bool]) -> None:
    named = User.last_name == RosterEdit.former_name
    shut = User.status == RosterEdit.former_status
    dated = and_(
        RosterEdit.given_expiry.is_not(None),
        User.expiry_date.is_not_distinct_from(RosterEdit.former_expiry),
    )
    change(
        db,
        theirs,
        last_name=(named, RosterEdit.last_name),
        status=(shut, Status.ACTIVE.value),
        expiry_date=(dated, RosterEdit.given_expiry),
    )


def change(
    db: Session, which: ColumnElement[bool], **values: tuple[ColumnElement[bool], Any]
) -> None:
    """Write values into the accounts of the edits that are meant, each where its condition holds.

    It is one statement, as to change a row of a table with many indexes is what takes long.
    """
    written = {
        name: case((holds, value), else_=getattr(User, name))
        for name, (holds, value) in values.items()
    }
    any_of_them = or_(*(holds for holds, _value in values.values()))
    changed = update(User).where(_OWNER, which, any_of_them).values(written)
    db.execute(changed, execution_options=_QUIET)


def _take_ids(db: Session, import_id: int, theirs: ColumnElement[bool]) -> None:
    granted = exists().where(
        RosterLine.address == User.address,
        RosterLine.active.is_(True),
        RosterLine.lo_root_id == Entitlement.lo_root_id,
    )
    goes = (
        select(
            Entitlement.user_id, literal(import_id), Entitlement.lo_root_id, Entitlement.granted_at
        )
        .join(RosterEdit, RosterEdit.user_id == Entitlement.user_id)
        .join(User, User.id == Entitlement.user_id)
        .where(theirs, RosterEdit.ids, Entitlement.source == ADMIN, not_(granted))
    )
    columns = ["user_id", "import_id", "lo_root_id", "granted_at"]
    done = db.execute(
        insert(TakenId).from_select(columns, goes),
        execution_options={"preserve_rowcount": True},
    )
    planner.tell(db, cast(CursorResult[Any], done).rowcount, TakenId)
    _droptaken_ids(db, import_id, theirs)


def _droptaken_ids(db: Session, import_id: int, theirs: ColumnElement[bool]) -> None:
    taken = select(TakenId.user_id, TakenId.lo_root_id).where(
        TakenId.import_id == import_id,
        TakenId.user_id.in_(select(RosterEdit.user_id).where(theirs)),
    )
    db.execute(
        delete(Entitlement).where(
            Entitlement.source == ADMIN,
            tuple_(Entitlement.user_id, Entitlement.lo_root_id).in_(taken),
        ),
        execution_options=_QUIET,
    )


def _anything() -> ColumnElement[bool]:
    """That something gave way."""
    taken = exists().where(
        TakenId.user_id == RosterEdit.user_id, TakenId.import_id == RosterEdit.import_id
    )
    kept = (RosterEdit.former_name, RosterEdit.former_status, RosterEdit.given_expiry)
    return or_(*(each.is_not(None) for each in kept), taken.correlate(RosterEdit))


def _note(db: Session, import_id: int, by: int | None, origin: Origin) -> None:
    """Write an entry about each account."""
    after = ""
    while rows := _batch(db, import_id, after):
        taken = taken_ids(db, import_id, [row.user_id for row in rows])
        about = {row.user_id: _facts(row, taken.get(row.user_id, [])) for row in rows}
        audit.record_all(db, Event.ACCOUNT_YIELDED, origin, about, actor_id=by, import_id=import_id)
        after = rows[-1].address


def _batch(db: Session, import_id: int, after: str) -> Sequence[RosterEdit]:
    query = select(RosterEdit).where(yielded_by(import_id), RosterEdit.address > after)
    return db.scalars(
        query.order_by(RosterEdit.address).limit(BATCH).execution_options(populate_existing=True)
    ).all()


def _facts(row: RosterEdit, taken: list[str]) -> dict[str, Any]:
    """What gave way, each with its old and new value."""
    facts: dict[str, Any] = {}
    if row.former_name is not None:
        facts["last_name"] = [row.former_name, row.last_name]
    if row.former_status is not None:
        facts["status"] = [row.former_status, Status.ACTIVE.value]
    if row.given_expiry is not None:
        before = row.former_expiry.date().isoformat() if row.former_expiry else None
        facts["expiry_date"] = [before, row.given_expiry.date().isoformat()]
    if taken:
        facts["taken_away"] = "; ".join(taken)
    return facts

"""What the changes of an import come to: ids that come and go, who is back, who loses what."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    CursorResult,
    Select,
    and_,
    except_,
    exists,
    func,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.core import clock
from app.core.roster.diff import Differences
from app.models.access import SignInSession
from app.models.people import Entitlement, RoleGrant, Source, User, UserLoRootId
from app.models.programs import ProgramLoRootId
from app.models.rosters import (
    Change,
    ImportState,
    RosterChange,
    RosterImport,
    RosterLine,
    StagedLine,
)

_QUIET = {"synchronize_session": False}


def complete(db: Session, found: RosterImport, differences: Differences) -> None:
    """Fill in what is known only beside the list in force: names, ids, who is back, who loses."""
    found.back = found.losing_program = found.losing_session = 0
    if differences.known.height:
        _name_the_gone(db, found.id)
        _write_ids(db, found.id)
        found.losing_program = _find_who_loses_a_program(db, found.id)
        found.losing_session = _find_who_is_signed_out(db, found.id)
    if differences.new.height:
        found.back = _find_back(db, found.id)


def _set(db: Session, import_id: int, column: str, *which: ColumnElement[bool]) -> int:
    """Say yes in a column of the changes that are meant; how many they are."""
    done = db.execute(
        update(RosterChange)
        .where(RosterChange.import_id == import_id, *which)
        .values({column: True}),
        execution_options=_QUIET,
    )
    return int(cast(CursorResult[Any], done).rowcount)


def _name_the_gone(db: Session, import_id: int) -> None:
    name = (
        select(func.max(RosterLine.last_name))
        .where(RosterLine.address == RosterChange.address)
        .scalar_subquery()
    )
    db.execute(
        update(RosterChange)
        .where(
            RosterChange.import_id == import_id,
            RosterChange.change.in_([Change.REMOVED.value, Change.INACTIVE.value]),
            RosterChange.last_name == "",
        )
        .values(last_name=func.coalesce(name, "")),
        execution_options=_QUIET,
    )


def _write_ids(db: Session, import_id: int) -> None:
    """Fill `gained` and `lost` of those who stand on both lists, or stood on the former alone."""
    staged = StagedLine.import_id == import_id
    before, after = _granted(RosterLine, import_id), _granted(StagedLine, import_id, staged)
    _join_ids(db, import_id, RosterChange.gained, except_(after, before))
    # What only comes takes no id away.
    if db.scalar(select(RosterImport.mode).where(RosterImport.id == import_id)) != "add":
        _join_ids(db, import_id, RosterChange.lost, except_(before, after))


def _granted(
    table: type[RosterLine | StagedLine], import_id: int, *more: ColumnElement[bool]
) -> Select[str, str]:
    """Who of those that change holds which LO Root ID by the active lines of `table`."""
    changing = select(RosterChange.address).where(
        RosterChange.import_id == import_id,
        RosterChange.change.in_([Change.CHANGED.value, Change.REMOVED.value]),
    )
    return select(table.address, table.lo_root_id).where(
        table.address.in_(changing), table.active.is_(True), table.lo_root_id != "", *more
    )


def _join_ids(
    db: Session, import_id: int, target: InstrumentedAttribute[str], found: CompoundSelect[Any]
) -> None:
    each = found.subquery()
    joined = (
        select(each.c.address, func.aggregate_strings(each.c.lo_root_id, ";").label("ids"))
        .group_by(each.c.address)
        .subquery()
    )
    db.execute(
        update(RosterChange)
        .where(RosterChange.import_id == import_id, RosterChange.address == joined.c.address)
        .values({target: joined.c.ids}),
        execution_options=_QUIET,
    )


def _find_back(db: Session, import_id: int) -> int:
    former = aliased(RosterChange)
    gone = (
        select(former.address)
        .join(RosterImport, RosterImport.id == former.import_id)
        .where(
            RosterImport.state.in_([ImportState.APPLIED.value, ImportState.UNDONE.value]),
            former.change == Change.REMOVED.value,
        )
    )
    if db.scalar(gone.limit(1)) is None:
        return 0
    added = RosterChange.change == Change.ADDED.value
    return _set(db, import_id, "back", added, RosterChange.address.in_(gone))


def _find_who_loses_a_program(db: Session, import_id: int) -> int:
    """Find whose account holds an id of a program, and afterwards none of its ids."""
    mine = and_(RosterChange.import_id == import_id, User.address == RosterChange.address)
    loses = select(User.id).where(mine, _loses_program(import_id)).correlate(RosterChange)
    # None of the others loses an id.
    kinds = RosterChange.change.in_([Change.CHANGED.value, Change.REMOVED.value])
    return _set(db, import_id, "loses_program", kinds, RosterChange.lost != "", exists(loses))


def _find_who_is_signed_out(db: Session, import_id: int) -> int:
    """Find who has a session now and no right to be here afterwards."""
    stays = or_(
        User.from_roster.is_(False),
        exists().where(Entitlement.user_id == User.id, Entitlement.source != Source.ROSTER.value),
        exists().where(RoleGrant.user_id == User.id),
    )
    open_session = exists().where(
        SignInSession.user_id == User.id,
        SignInSession.ended_at.is_(None),
        SignInSession.expires_at > clock.now(),
    )
    mine = and_(RosterChange.import_id == import_id, User.address == RosterChange.address)
    ends = select(User.id).where(mine, not_(stays), open_session).correlate(RosterChange)
    removed = RosterChange.change == Change.REMOVED.value
    return _set(db, import_id, "loses_session", removed, exists(ends))


def _loses_program(import_id: int) -> ColumnElement[bool]:
    """That a `User` holds an id of a program, and afterwards none of its ids.

    What stands two levels further out has to be named, or it would be joined anew.
    """
    opening, other = aliased(ProgramLoRootId), aliased(ProgramLoRootId)
    other_reason = exists().where(
        Entitlement.user_id == User.id,
        Entitlement.lo_root_id == other.lo_root_id,
        Entitlement.source != Source.ROSTER.value,
    )
    new_line = exists().where(
        StagedLine.import_id == import_id,
        StagedLine.address == User.address,
        StagedLine.active.is_(True),
        StagedLine.lo_root_id == other.lo_root_id,
    )
    either = or_(other_reason.correlate(User, other), new_line.correlate(User, other))
    still = exists().where(other.chatbot_id == opening.chatbot_id, either).correlate(User, opening)
    return exists().where(
        UserLoRootId.user_id == User.id,
        UserLoRootId.lo_root_id == opening.lo_root_id,
        not_(still),
    )

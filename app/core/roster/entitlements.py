"""What people hold because the list says so, kept equal to the list in force.

`entitlements` says why somebody holds an LO Root ID; `user_lo_root_ids` holds the union and is
what access reads. Both are written here, in one transaction, by statements over sets of people.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    and_,
    delete,
    except_,
    exists,
    func,
    insert,
    literal,
    literal_column,
    not_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from app.core import clock
from app.core.people import sessions, users
from app.models.access import SignInSession
from app.models.people import Entitlement, Source, User, UserLoRootId
from app.models.rosters import ListInForce, RosterLine

ROSTER = Source.ROSTER.value


def hold_list(db: Session) -> None:
    """Keep the list in force as it is until this transaction ends; waits for an import at work.

    PostgreSQL: a shared lock on the row that an import moves. SQLite: one writer at a time anyway.
    """
    db.execute(select(ListInForce.id).with_for_update(read=True))


def follow_list(db: Session, whose: ColumnElement[bool]) -> int:
    """Give the people who meet the condition `whose` on `User` what the list grants, no more.

    Who is left with no right to be here is signed out everywhere at once. Returns how many LO
    Root IDs were taken away and given, in what access reads.
    """
    db.flush()  # The statements below must see a person who was added a moment ago.
    hold_list(db)
    people = select(User.id).where(whose)
    _vouch(db, whose)
    _note_listed(db, whose)
    _take_what_went(db, people)
    _give_what_came(db, people)
    moved = _drop_unexplained(db, people) + _hold_explained(db, people)
    off_list = select(User.id).where(whose, not_(users.on_list()))
    sessions.end_all_of(db, SignInSession.user_id.in_(off_list), "off_list")
    return moved


def grant(db: Session, user_id: int, lo_root_ids: Iterable[str], source: Source) -> None:
    """Let somebody hold these LO Root IDs for a reason that is not the list's."""
    wanted = {each.strip() for each in lo_root_ids if each.strip()}
    now = clock.now()
    for lo_root_id in sorted(wanted):
        db.add(
            Entitlement(user_id=user_id, lo_root_id=lo_root_id, source=source.value, granted_at=now)
        )


def _vouch(db: Session, whose: ColumnElement[bool]) -> None:
    lines = (RosterLine.address == User.address, RosterLine.active.is_(True))
    listed = exists().where(*lines)
    # Whoever asked for an account that nobody proved may have been anybody: it is the list's now,
    # by the list's name. Word for word as the index of those who were never proven has it.
    openly = and_(User.came_by == literal_column("'open'"), User.verified_at.is_(None))
    name = select(func.min(RosterLine.last_name)).where(*lines).scalar_subquery()
    db.execute(
        update(User)
        .where(openly, whose, User.from_roster.is_(False), listed)
        .values(last_name=name, came_by=None)
        .execution_options(synchronize_session=False)
    )
    db.execute(
        update(User)
        .where(whose, User.from_roster.is_(False), listed)
        .values(from_roster=True)
        .execution_options(synchronize_session=False)
    )


def _note_listed(db: Session, whose: ColumnElement[bool]) -> None:
    """Keep `User.listed`, which lists of people are filtered by, equal to the list in force."""
    active = exists().where(RosterLine.address == User.address, RosterLine.active.is_(True))
    for listed, holds in ((True, active), (False, not_(active))):
        db.execute(
            update(User)
            .where(whose, User.listed.is_(not listed), holds)
            .values(listed=listed)
            .execution_options(synchronize_session=False)
        )


def _take_what_went(db: Session, people: Select[int]) -> None:
    held = select(Entitlement.user_id, Entitlement.lo_root_id).where(
        Entitlement.source == ROSTER, Entitlement.user_id.in_(people)
    )
    went = except_(held, _granted(people))
    db.execute(
        delete(Entitlement)
        .where(
            Entitlement.source == ROSTER,
            tuple_(Entitlement.user_id, Entitlement.lo_root_id).in_(went),
        )
        .execution_options(synchronize_session=False)
    )


def _give_what_came(db: Session, people: Select[int]) -> None:
    held = select(Entitlement.user_id, Entitlement.lo_root_id).where(
        Entitlement.source == ROSTER, Entitlement.user_id.in_(people)
    )
    came = except_(_granted(people), held).subquery()
    now = literal(clock.now(), Entitlement.granted_at.type)
    rows = select(*came.c, literal(ROSTER), now)
    columns = ["user_id", "lo_root_id", "source", "granted_at"]
    db.execute(insert(Entitlement).from_select(columns, rows))


def _granted(people: Select[int]) -> Select[int, str]:
    """Who of `people` holds which LO Root ID by an active line of the list in force."""
    return (
        select(User.id, RosterLine.lo_root_id)
        .join(RosterLine, RosterLine.address == User.address)
        .where(User.id.in_(people), RosterLine.active.is_(True), RosterLine.lo_root_id != "")
    )


def _drop_unexplained(db: Session, people: Select[int]) -> int:
    explained = exists().where(
        Entitlement.user_id == UserLoRootId.user_id,
        Entitlement.lo_root_id == UserLoRootId.lo_root_id,
    )
    dropped = db.execute(
        delete(UserLoRootId)
        .where(UserLoRootId.user_id.in_(people), not_(explained))
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], dropped).rowcount


def _hold_explained(db: Session, people: Select[int]) -> int:
    held = exists().where(
        UserLoRootId.user_id == Entitlement.user_id,
        UserLoRootId.lo_root_id == Entitlement.lo_root_id,
    )
    missing = (
        select(Entitlement.user_id, Entitlement.lo_root_id)
        .where(Entitlement.user_id.in_(people), not_(held))
        .distinct()
    )
    given = db.execute(
        insert(UserLoRootId).from_select(["user_id", "lo_root_id"], missing),
        execution_options={"preserve_rowcount": True},
    )
    return cast(CursorResult[Any], given).rowcount

"""Who is awaited: people without a password whom an invitation would reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.desk import invited
from app.core.desk.people import passwordless
from app.core.desk.people.bulk import Choice
from app.core.people import users
from app.core.people.wanted import Wanted
from app.models.invitations import Invitation
from app.models.people import User
from app.models.rosters import Change, RosterChange, RosterLine

WEEK = 7 * 24
"""Hours in which nobody is invited twice, unless that is asked for."""

LINK_LASTS = 24
"""Hours that the link of an invitation works: a mail before that would help nobody."""

LOOKED_AT = 5_000
"""People of the list who are looked at to say how many wait."""

CHUNK = 1_000
"""People who are looked at in one statement to find the next that wait."""


@dataclass(frozen=True)
class Scope:
    """Whom to invite: everybody on the list, or those whom an import added, or some of either.

    `again_of` names a job whose people are meant once more; `again_after` is in hours. `chosen`
    means accounts, on the list or not: a filter of the list of people (`Wanted.facts`), and `ids`
    those who were ticked in it, or were added from the file called `file_name`.
    """

    import_id: int | None = None
    class_name: str = ""
    lo_root_id: str = ""
    again_of: int | None = None
    again_after: int = WEEK
    chosen: dict[str, str] | None = None
    ids: Sequence[int] = ()
    file_name: str = ""


@dataclass(frozen=True)
class Awaited:
    """Somebody who has no password yet."""

    last_name: str
    address: str


@dataclass(frozen=True)
class Batch:
    """Addresses whose turn it is, and after which place the next ones stand."""

    addresses: list[str]
    place: str


@dataclass(frozen=True)
class Preview:
    """Whom a sending would reach: `waiting` people, or at least so many where not `is_all`."""

    waiting: int
    is_all: bool
    few: list[Awaited]


def preview(db: Session, scope: Scope, *, limit: int) -> Preview:
    """How many would be invited, and the first `limit` of them.

    Bounded for every size of list: beyond `LOOKED_AT` people it says at least how many.
    """
    if scope.chosen is not None:
        return _preview_chosen(db, scope, limit)
    looked_at = _asked_for(scope, most=LOOKED_AT)
    few = _first(db, _waiting(scope, looked_at), limit)
    whole = select(func.count()).select_from(looked_at.subquery())
    waiting = select(func.count()).select_from(_waiting(scope, looked_at).subquery())
    return Preview(
        waiting=db.scalar(waiting) or 0,
        is_all=(db.scalar(whole) or 0) < LOOKED_AT,
        few=[
            Awaited(line.last_name, address) for address, line in sorted(lines_of(db, few).items())
        ],
    )


def count(db: Session, scope: Scope) -> int:
    """How many people wait for an invitation: linear in the list, so for commands and jobs."""
    if scope.chosen is not None:
        return passwordless.count(db, *_chosen(scope))
    found = _waiting(scope, _asked_for(scope))
    return db.scalar(select(func.count()).select_from(found.subquery())) or 0


def next_batch(db: Session, scope: Scope, *, after: str, limit: int) -> Batch:
    """The next of those who wait, `after` a place of ours; nobody once everybody was looked at."""
    if scope.chosen is not None:
        people = passwordless.find(db, *_chosen(scope), after=int(after or 0), limit=limit)
        return Batch([each.address for each in people], str(people[-1].id) if people else after)
    while True:
        looked_at = _asked_for(scope, after=after, most=CHUNK)
        found = _first(db, _waiting(scope, looked_at), limit)
        if found:
            return Batch(found, found[-1])
        last = db.scalar(select(func.max(looked_at.subquery().c.address)))
        if last is None:
            return Batch([], after)
        after = last


def lines_of(db: Session, addresses: Sequence[str]) -> dict[str, RosterLine]:
    """The first active line of each of these addresses in the list in force."""
    query = (
        select(RosterLine)
        .where(RosterLine.address.in_(addresses), RosterLine.active.is_(True))
        .order_by(RosterLine.id.desc())
    )
    return {line.address: line for line in db.scalars(query)}


def cutoff(scope: Scope, now: datetime) -> datetime:
    """Who was invited after this moment is not invited again."""
    return now - timedelta(hours=scope.again_after)


def _chosen(scope: Scope) -> tuple[Choice, datetime]:
    """Which accounts are meant, and since when nobody may have been invited."""
    return Choice(Wanted.read(scope.chosen or {}), scope.ids), cutoff(scope, clock.now())


def _preview_chosen(db: Session, scope: Scope, limit: int) -> Preview:
    waiting, is_all, few = passwordless.preview(db, *_chosen(scope), most=LOOKED_AT, limit=limit)
    return Preview(waiting, is_all, [Awaited(each.last_name, each.address) for each in few])


def _waiting(scope: Scope, looked_at: Select[Any]) -> Select[Any]:
    """Those of `looked_at` who have no password, may come in, and were not written to lately."""
    address = looked_at.subquery().c.address
    wanted = [RosterLine.address == address, RosterLine.active.is_(True)]
    if scope.class_name:
        wanted.append(RosterLine.class_name == scope.class_name)
    if scope.lo_root_id:
        wanted.append(RosterLine.lo_root_id == scope.lo_root_id)
    fresh = invited.was_lately(address, cutoff(scope, clock.now()))
    has_it, is_shut = users.has_password(), not_(users.is_open())
    settled = exists().where(User.address == address, or_(has_it, is_shut))
    shared = select(User.shared_address).where(User.shared_address.is_not(None))
    found = select(address).where(not_(settled), not_(fresh), address.not_in(shared))
    is_plain = scope.import_id is None and scope.again_of is None and len(wanted) == 2
    # Whoever was looked at is on the list, where nothing but the list was asked for.
    if is_plain:
        return found
    is_wanted: ColumnElement[bool] = exists().where(*wanted)
    if scope.again_of is not None:
        # A sending to accounts that were chosen may have meant some that no list vouches for.
        is_wanted = or_(is_wanted, exists().where(User.address == address, users.on_list()))
    return found.where(is_wanted)


def _asked_for(scope: Scope, *, after: str = "", most: int | None = None) -> Select[Any]:
    """The addresses in question, each once, in order: of the list, an import, or a sending."""
    if scope.again_of is not None:
        column, which = Invitation.address, Invitation.job_id == scope.again_of
    elif scope.import_id is not None:
        column = RosterChange.address
        which = and_(
            RosterChange.import_id == scope.import_id, RosterChange.change == Change.ADDED.value
        )
    else:
        column, which = RosterLine.address, RosterLine.active.is_(True)
    asked = select(column.label("address")).where(which, column > after).distinct()
    return asked.order_by(column).limit(most) if most is not None else asked


def _first(db: Session, found: Select[Any], limit: int) -> list[str]:
    address = found.selected_columns[0]
    return list(db.scalars(found.order_by(address).limit(limit)))

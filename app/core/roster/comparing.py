"""Compares the lists of any two imports, by the changes that the history keeps of each."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Subquery, and_, case, func, select
from sqlalchemy.orm import Session

from app.core.errors import N_, Refusal
from app.core.roster import ledger
from app.core.roster.listing import Person, Place
from app.models.rosters import Change, ImportState, RosterChange, RosterImport

CAME, WENT, CHANGED = "came", "went", "changed"
KINDS = (CAME, WENT, CHANGED)
SETTLED = (ImportState.APPLIED, ImportState.UNDONE)


class CannotCompare(Refusal):
    """One of two imports never made the list, so that nothing is known of its list."""

    code = "cannot_compare"
    status = 409
    words = N_("Import %(number)s never made the list in force, so there is no list to compare.")


@dataclass(frozen=True)
class Comparison:
    """What differs between the lists that two imports made, the older one first.

    `changed` are people on both whose lines changed at least once in between, even if they were
    changed back: the history keeps who changed, and the lines of the last imports alone. `steps`
    are the imports that led from the one list to the other.
    """

    one: RosterImport
    other: RosterImport
    came: int
    went: int
    changed: int
    steps: int


def compare(db: Session, one_id: int, other_id: int) -> Comparison:
    """Count what differs. Raises `NotFound`, and `CannotCompare` where one was never in force."""
    one, other = _in_order(db, one_id, other_id)
    net = _net(one, other)
    kind = _kind(net)
    rows = dict(db.execute(select(kind, func.count()).group_by(kind)).all())
    steps = select(func.count()).select_from(RosterImport).where(_between(one, other))
    return Comparison(
        one,
        other,
        came=rows.get(CAME, 0),
        went=rows.get(WENT, 0),
        changed=rows.get(CHANGED, 0),
        steps=db.scalar(steps) or 0,
    )


def list_compared(
    db: Session,
    one_id: int,
    other_id: int,
    kind: str,
    *,
    after: Place | None = None,
    limit: int = 50,
) -> list[Person]:
    """The people of one of `KINDS` by name, `after` the last one already seen."""
    net = _net(*_in_order(db, one_id, other_id))
    query = (
        select(net.c.address, net.c.last_name)
        .where(_kind(net) == kind)
        .order_by(net.c.last_name, net.c.address)
        .limit(limit)
    )
    if after is not None:
        name, address = after
        later = (net.c.last_name == name) & (net.c.address > address)
        query = query.where((net.c.last_name > name) | later)
    return [Person(address, last_name, kind) for address, last_name in db.execute(query)]


def _in_order(db: Session, one_id: int, other_id: int) -> tuple[RosterImport, RosterImport]:
    found = [ledger.get(db, one_id), ledger.get(db, other_id)]
    for each in found:
        if each.applied_at is None:
            raise CannotCompare(number=each.id)
    # Of two imports within one tick of the clock the one that was made later came later.
    found.sort(key=lambda each: (each.applied_at, each.id))
    return found[0], found[1]


def _between(one: RosterImport, other: RosterImport) -> ColumnElement[bool]:
    """The imports applied after the one, up to the other."""
    return and_(
        RosterImport.state.in_([state.value for state in SETTLED]),
        RosterImport.applied_at > one.applied_at,
        RosterImport.applied_at <= other.applied_at,
    )


def _net(one: RosterImport, other: RosterImport) -> Subquery:
    """The first and the last thing that happened to each person in between."""
    whose, moment = RosterChange.address, RosterImport.applied_at
    rows = (
        select(
            RosterChange.address,
            RosterChange.last_name,
            func.first_value(RosterChange.change)
            .over(partition_by=whose, order_by=moment)
            .label("first"),
            RosterChange.change.label("last"),
            func.row_number().over(partition_by=whose, order_by=moment.desc()).label("place"),
        )
        .join(RosterImport, RosterImport.id == RosterChange.import_id)
        .where(_between(one, other), RosterChange.change != Change.INACTIVE.value)
        .subquery()
    )
    return select(rows).where(rows.c.place == 1).subquery()


def _kind(net: Subquery) -> ColumnElement[str]:
    was_there = net.c.first != Change.ADDED.value
    is_there = net.c.last != Change.REMOVED.value
    return case(
        (and_(was_there, is_there), CHANGED),
        (was_there, WENT),
        (is_there, CAME),
        else_="",
    )

"""Compares the lists of any two imports, by the changes that the history keeps of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Integer, Subquery, and_, case, cast, func, select, tuple_
from sqlalchemy.orm import Session

from app.core.errors import N_, Refusal
from app.core.roster import ledger
from app.core.roster.listing import Person, Place, list_changes
from app.models.rosters import Change, ImportState, RosterChange, RosterImport

CAME, WENT, CHANGED = "came", "went", "changed"
KINDS = (CAME, WENT, CHANGED)
SETTLED = (ImportState.APPLIED, ImportState.UNDONE)

_OF_ONE_STEP = {CAME: Change.ADDED, WENT: Change.REMOVED, CHANGED: Change.CHANGED}
"""What one import alone does to them; its columns of the same names count them."""


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
    steps = _steps(db, one, other)
    if len(steps) == 1:
        counts = {kind: getattr(steps[0], change.value) for kind, change in _OF_ONE_STEP.items()}
    else:
        net = _net(steps)
        counts = dict(db.execute(select(net.c.kind, func.count()).group_by(net.c.kind)).all())
    return Comparison(
        one,
        other,
        came=counts.get(CAME, 0),
        went=counts.get(WENT, 0),
        changed=counts.get(CHANGED, 0),
        steps=len(steps),
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
    """The people of one of `KINDS` by address, `after` the last one already seen.

    A page of two imports that follow each other takes no longer however many people changed; of
    others all that changed in between is looked through, so ask for all of them with one `limit`.
    """
    steps = _steps(db, *_in_order(db, one_id, other_id))
    if len(steps) == 1:
        rows = list_changes(db, steps[0].id, _OF_ONE_STEP[kind].value, after=after, limit=limit)
        return [Person(each.address, each.last_name, kind) for each in rows]
    net = _net(steps)
    page = select(net).where(net.c.kind == kind).order_by(net.c.address).limit(limit)
    if after is not None:
        page = page.where(net.c.address > after[1])
    found = page.subquery()
    query = (
        select(found.c.address, RosterChange.last_name)
        .join(
            RosterChange,
            and_(
                RosterChange.address == found.c.address,
                RosterChange.import_id == found.c.last_import,
            ),
        )
        .order_by(found.c.address)
    )
    return [Person(address, name, kind) for address, name in db.execute(query)]


def _in_order(db: Session, one_id: int, other_id: int) -> tuple[RosterImport, RosterImport]:
    found = [ledger.get(db, one_id), ledger.get(db, other_id)]
    for each in found:
        if each.applied_at is None:
            raise CannotCompare(number=each.id)
    # Of two imports within one tick of the clock the one that was made later came later.
    found.sort(key=lambda each: (each.applied_at, each.id))
    return found[0], found[1]


def _steps(db: Session, one: RosterImport, other: RosterImport) -> Sequence[RosterImport]:
    """The imports applied after the one, up to the other, in their order."""
    moment = tuple_(RosterImport.applied_at, RosterImport.id)
    query = (
        select(RosterImport)
        .where(
            RosterImport.state.in_([state.value for state in SETTLED]),
            moment > tuple_(one.applied_at, one.id),
            moment <= tuple_(other.applied_at, other.id),
        )
        .order_by(RosterImport.applied_at, RosterImport.id)
    )
    return db.scalars(query).all()


def _net(steps: Sequence[RosterImport]) -> Subquery:
    """Everybody whom these imports touched: `kind`, one of `KINDS` or none, and `last_import`.

    By the first and the last thing that happened to each. The place of a step and what it says are
    one number, so that a person's rows are gone through once: windows take three times as long.
    """
    ids = [step.id for step in steps]
    change = RosterChange.change
    place = case({each: place for place, each in enumerate(ids)}, value=RosterChange.import_id)
    first = func.min(place * 2 + cast(change == Change.ADDED.value, Integer))
    last = func.max(place * 2 + cast(change == Change.REMOVED.value, Integer))
    rows = (
        select(RosterChange.address, first.label("first"), last.label("last"))
        .where(RosterChange.import_id.in_(ids), change != Change.INACTIVE.value)
        .group_by(RosterChange.address)
        .subquery()
    )
    was_there, is_there = rows.c.first % 2 == 0, rows.c.last % 2 == 0
    kind = case((and_(was_there, is_there), CHANGED), (was_there, WENT), (is_there, CAME), else_="")
    step = case(dict(enumerate(ids)), value=rows.c.last // 2)
    return select(rows.c.address, kind.label("kind"), step.label("last_import")).subquery()

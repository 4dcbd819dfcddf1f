"""What a list would change, person by person: compared by the sums of the marks of their lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Integer, Select, cast, func, select, update
from sqlalchemy.orm import Session

from app.core.roster.columns import COLUMNS
from app.core.roster.marks import SEPARATOR, marks_of
from app.core.roster.reading import ACTIVE, ACTIVE_BITS
from app.models.rosters import Change, RosterLine

BATCH = 5000
"""Rows that are fetched at once."""

Sum = tuple[str, int, int]
"""A person of the list in force: address, sum of the marks, count of active lines."""


@dataclass
class Differences:
    """Who changes, and how; the counts are of people who may enter."""

    changes: dict[str, Change] = field(default_factory=dict)
    """What becomes of people who stand on the list in force."""
    new: dict[str, Change] = field(default_factory=dict)
    """The others: they are added, or are inactive from the start."""
    before: int = 0
    unchanged: int = 0

    def count(self, change: Change) -> int:
        """How many people change so."""
        every = (*self.changes.values(), *self.new.values())
        return sum(each is change for each in every)


def in_force(db: Session, among: Select[str] | None = None) -> Iterator[Sum]:
    """Everybody on the list in force, or those with an address in `among`."""
    active = func.sum(cast(RosterLine.active, Integer))
    query = select(RosterLine.address, func.sum(RosterLine.mark), active)
    if among is not None:
        query = query.where(RosterLine.address.in_(among))
    query = query.group_by(RosterLine.address).execution_options(yield_per=BATCH)
    for rows in db.execute(query).partitions():
        for address, total, count in rows:
            yield address, int(total or 0), int(count or 0)


def replace(people: dict[str, int], listed: Iterable[Sum], kept: set[str]) -> Differences:
    """Compare with a list that replaces the one in force; empties `people` of who was there.

    Who is in `kept` and not in `people` has problem lines alone and stays as they were: a typing
    mistake takes nobody's access away.
    """
    found = Differences()
    changes = found.changes
    for address, total, count in listed:
        was = count > 0
        found.before += was
        packed = people.pop(address, None)
        if packed is None:
            if address not in kept:
                changes[address] = Change.REMOVED if was else Change.INACTIVE
        elif packed >> ACTIVE_BITS == total:
            found.unchanged += was
        else:
            changes[address] = _change(was, packed & ACTIVE > 0)
    found.new = _new(people)
    return found


def add(people: dict[str, int], listed: Iterable[Sum]) -> Differences:
    """Compare with lines that come to those in force: who has new ones may change, nobody goes."""
    found = Differences()
    for address, total, count in listed:
        was = count > 0
        found.before += was
        packed = people.pop(address, None)
        if packed is None:
            continue
        if packed >> ACTIVE_BITS == total:
            found.unchanged += was
        else:
            found.changes[address] = _change(was, was or packed & ACTIVE > 0)
    found.new = _new(people)
    return found


def _new(people: dict[str, int]) -> dict[str, Change]:
    """What becomes of those who are left; `people` is empty afterwards, as it is large."""
    found = {
        address: Change.ADDED if packed & ACTIVE else Change.INACTIVE
        for address, packed in people.items()
    }
    people.clear()
    return found


def _change(before: bool, after: bool) -> Change:
    if before:
        return Change.CHANGED if after else Change.REMOVED
    return Change.ADDED if after else Change.INACTIVE


def mark_lines(db: Session) -> None:
    """Give the lines that an earlier version wrote their marks."""
    columns = [getattr(RosterLine, name) for name in COLUMNS]
    query = select(RosterLine.id, *columns).where(RosterLine.mark.is_(None)).limit(BATCH)
    while rows := db.execute(query).all():
        marks = marks_of(SEPARATOR.join(cells) for _id, *cells in rows)
        values = [{"id": row[0], "mark": mark} for row, mark in zip(rows, marks, strict=True)]
        db.execute(update(RosterLine), values)

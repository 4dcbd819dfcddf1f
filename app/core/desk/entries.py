"""Entries of the audit log as they are looked for: by what, whom, when and from where.

Every search is by keyset, and each way of looking has an index of its own, so that the last page
of ten million entries is as near as the first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, select, union
from sqlalchemy.orm import Session

from app.addresses import BadAddress, canonical
from app.core import sheets
from app.core.audit import Event
from app.core.errors import NotFound
from app.core.people import users
from app.database import LAST_ID
from app.models.ledger import AuditHead
from app.models.people import User
from app.models.records import AuditEntry

SKEW = timedelta(hours=1)
"""How much later than entries of greater ids an entry may be dated: what a transaction takes."""

LATE = 200
"""Ids below the last one that was seen, among which one may come late."""

BATCH = 1000
COLUMNS = ["id", "at", "event", "actor", "person", "address", "ip", "user_agent", "reference",
           "details", "sealed_no", "chain"]  # fmt: skip


@dataclass(frozen=True)
class Filters:
    """What is looked for; what is empty does not matter. Dates are whole days, in UTC."""

    what: str = ""
    """An event, or an area: what stands before the colon of several."""
    person: str = ""
    """The address of whom it is about, or who did it."""
    actor: str = ""
    """The address of who did it."""
    since: date | None = None
    until: date | None = None
    ip: str = ""
    reference: str = ""

    def __bool__(self) -> bool:
        """Whether anything is looked for."""
        return self != Filters()


def areas() -> dict[str, list[Event]]:
    """The events by area."""
    found: dict[str, list[Event]] = {}
    for event in sorted(Event):
        found.setdefault(event.value.split(":")[0], []).append(event)
    return found


def search(
    db: Session,
    filters: Filters,
    *,
    before: int | None = None,
    after: int | None = None,
    among: Collection[int] | None = None,
    limit: int = 50,
) -> list[AuditEntry]:
    """The entries that fit, newest first: the newest with ids less than `before`.

    With `after` it is the oldest of those with greater ids, so that who goes on from the last one
    skips none. With `among` it is those that have one of these ids.
    """
    ways = _ways(db, filters)
    if ways is None:
        return []
    bounds = _bounds(db, filters)
    if before is not None:
        bounds.append(AuditEntry.id < before)
    if after is not None:
        bounds.append(AuditEntry.id > after)
    if among is not None:
        bounds.append(AuditEntry.id.in_(sorted(among)))
    order = AuditEntry.id.desc() if after is None else AuditEntry.id.asc()
    query = select(AuditEntry).where(*_any_of(ways, bounds, order, limit))
    rows = list(db.scalars(query.order_by(order).limit(limit)))
    return rows if after is None else rows[::-1]


def _any_of(ways: Sequence[Way], bounds: Way, order: ColumnElement[int], limit: int) -> Way:
    """The conditions of the first so many entries that fit in one of these ways."""
    if len(ways) == 1:
        return [*ways[0], *bounds]
    # Each way has an index that gives its first entries at once; "or" between them has none.
    found = [
        select(select(AuditEntry.id).where(*way, *bounds).order_by(order).limit(limit).subquery())
        for way in ways
    ]
    return [AuditEntry.id.in_(select(union(*found).subquery().c.id))]


def newest_id(db: Session) -> int:
    """The id of the newest entry; 0 where there is none."""
    return db.scalar(select(AuditEntry.id).order_by(AuditEntry.id.desc()).limit(1)) or 0


def missing(db: Session, after: int, last: int) -> list[int]:
    """The ids between two, of the newest `LATE`, that no entry has yet, and may still get.

    An entry whose transaction takes longer comes after one of a greater id.
    """
    first = max(after, last - LATE - 1)
    there = set(
        db.scalars(select(AuditEntry.id).where(AuditEntry.id > first, AuditEntry.id < last))
    )
    return [each for each in range(first + 1, last) if each not in there]


def get(db: Session, entry_id: int) -> AuditEntry:
    """The entry of this id. Raises `NotFound`."""
    found = db.get(AuditEntry, entry_id) if entry_id <= LAST_ID else None
    if found is None:
        raise NotFound
    return found


def head(db: Session) -> AuditHead | None:
    """Where the chain ends, and when it was verified; None until something was sealed."""
    return db.get(AuditHead, 1, populate_existing=True)


def people_in(db: Session, entries: Iterable[AuditEntry]) -> dict[int, str]:
    """The addresses of everybody whom these entries name, by id, in one query."""
    ids = {number for each in entries for number in (each.actor_id, each.user_id) if number}
    return dict(db.execute(select(User.id, User.email).where(User.id.in_(ids))).all())


def write_csv(db: Session, filters: Filters) -> Iterator[str]:
    """The entries that fit as the text of a CSV file, newest first, in pieces."""
    return sheets.write_csv(COLUMNS, map(_cells, chain.from_iterable(batches(db, filters))))


def _cells(entry: Mapping[str, Any]) -> list[Any]:
    details = json.dumps(entry["details"], ensure_ascii=False)
    return [details if name == "details" else entry[name] for name in COLUMNS]


def batches(db: Session, filters: Filters) -> Iterator[list[Mapping[str, Any]]]:
    """The entries that fit, newest first, as plain values in batches, with people's addresses."""
    before = None
    while found := search(db, filters, before=before, limit=BATCH):
        people = people_in(db, found)
        yield [_plain(each, people) for each in found]
        before = found[-1].id
        # What was written is let go of: the file may be longer than the memory.
        db.expunge_all()
        db.rollback()


def _plain(entry: AuditEntry, people: Mapping[int, str]) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at.isoformat(timespec="milliseconds"),
        "event": entry.event,
        "actor": people.get(entry.actor_id or 0),
        "person": people.get(entry.user_id or 0),
        "address": entry.address,
        "ip": entry.ip,
        "user_agent": entry.user_agent,
        "reference": entry.reference,
        "details": entry.details,
        "sealed_no": entry.sealed_no,
        "chain": entry.chain,
    }


Way = list[ColumnElement[bool]]


def _ways(db: Session, filters: Filters) -> Sequence[Way] | None:
    """The conditions of each way to fit; None where nothing can."""
    events = _events(filters.what)
    if filters.what and not events:
        return None
    common: Way = []
    if filters.ip:
        common.append(AuditEntry.ip == filters.ip)
    if filters.reference:
        common.append(AuditEntry.reference == filters.reference.strip().upper())
    if filters.actor:
        ids = _ids_of(db, filters.actor)
        if not ids:
            return None
        common.append(AuditEntry.actor_id.in_(ids))
    of_events = [AuditEntry.event == event for event in events]
    if filters.person:
        among: Way = [AuditEntry.event.in_(events)] if events else []
        return [[*common, *among, way] for way in _about(db, filters.person)]
    if common and events:
        return [[*common, AuditEntry.event.in_(events)]]
    return [[*common, each] for each in of_events] or [common]


def _events(what: str) -> list[str]:
    known = [event.value for event in Event]
    return [event for event in known if what in (event, event.split(":")[0])]


def _about(db: Session, typed: str) -> Way:
    ways: Way = []
    for user_id in _ids_of(db, typed):
        ways += [AuditEntry.user_id == user_id, AuditEntry.actor_id == user_id]
    try:
        return [*ways, AuditEntry.address == canonical(typed)]
    except BadAddress:
        return [*ways, AuditEntry.address == typed.strip()[:254]]


def _ids_of(db: Session, typed: str) -> list[int]:
    try:
        address = canonical(typed)
    except BadAddress:
        return []
    return [user.id for user in users.counted_as(db, address)]


def _bounds(db: Session, filters: Filters) -> Way:
    """The days asked for, as moments, and as ids too: these follow the moments but for `SKEW`."""
    bounds: Way = []
    if filters.since is not None:
        begins = datetime.combine(filters.since, time(), UTC)
        at = select(AuditEntry.id).where(AuditEntry.at >= begins - SKEW)
        first = db.scalar(at.order_by(AuditEntry.at, AuditEntry.id).limit(1))
        bounds += [AuditEntry.at >= begins, AuditEntry.id >= (first or LAST_ID)]
    if filters.until is not None and filters.until < date.max:
        ends = datetime.combine(filters.until + timedelta(days=1), time(), UTC)
        at = select(AuditEntry.id).where(AuditEntry.at < ends + SKEW)
        last = db.scalar(at.order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(1))
        bounds += [AuditEntry.at < ends, AuditEntry.id <= (last or 0)]
    return bounds

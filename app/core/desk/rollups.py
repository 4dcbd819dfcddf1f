"""Roll-ups: how many events of each sort an hour and a day saw, and who was active.

The worker adds to them in the transaction in which it seals the entries, so that each is counted
exactly once. The dashboard reads nothing else, however long the log is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import clock, floods
from app.core.audit import NOWHERE, Event, record, sort_of
from app.models.conversations import Exchange
from app.models.ledger import ActivePerson, AuditRollup, Figure

ROLLUPS = cast(Table, AuditRollup.__table__)
ACTIVE = cast(Table, ActivePerson.__table__)

PEOPLE_ACTIVE = "people:active"
CHAT_ASKED = "chat:asked"
MAILS_WAITING = "mails:waiting"
"""What is counted beside the events of the log; of mails that wait, the most at once."""

KEY = ["period", "event", "begins_at", "kind", "reason"]

HOURS_KEPT = timedelta(days=70)
MARKS_KEPT = timedelta(days=40)
CHATS_COUNTED = "chats_counted"
SETTLED = timedelta(minutes=1)
"""How old a question is when no older one can still be on its way into the database."""

BATCH = 1000


class Happened(NamedTuple):
    """One thing to be counted."""

    at: datetime
    event: str
    kind: str
    reason: str
    person: int | None
    times: int = 1


def of_entry(entry: Any) -> Happened:
    """What there is to count about an entry of the log."""
    kind, reason = sort_of(entry.details)
    return Happened(entry.at, entry.event, kind, reason, entry.actor_id)


def add(db: Session, things: Iterable[Happened]) -> None:
    """Add to the counts of each thing's hour and day, and mark who was active when."""
    counts: Counter[tuple[str, str, datetime, str, str]] = Counter()
    marks = set()
    for thing in things:
        for period in ("hour", "day"):
            begins_at = start_of(period, thing.at)
            counts[period, thing.event, begins_at, thing.kind, thing.reason] += thing.times
        if thing.person is not None:
            marks |= {
                (period, start_of(period, thing.at), thing.person)
                for period in ("day", "week", "month")
            }
    for (period, begins_at), number in _mark(db, marks).items():
        counts[period, PEOPLE_ACTIVE, begins_at, "", ""] += number
    _add(db, counts)


def start_of(period: str, moment: datetime) -> datetime:
    """When the `hour`, `day`, `week` (from Monday) or `month` of a moment began, in UTC."""
    if period == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day


def close_floods(db: Session) -> None:
    """Count what floods held back, and leave one entry for each that tells of it."""
    taken = [(flood, flood.count - floods.stored(flood.event)) for flood in floods.take_over(db)]
    over = [(flood, number) for flood, number in taken if number > 0]
    add(
        db,
        [
            Happened(each.begins_at, each.event, each.kind, each.reason, None, number)
            for each, number in over
        ],
    )
    for each, number in over:
        record(
            db,
            Event.FLOOD_COUNTED,
            NOWHERE,
            of=each.event,
            kind=each.kind,
            reason=each.reason,
            network=each.network,
            since=each.begins_at.isoformat(),
            not_stored=number,
        )


def count_chats(db: Session) -> int:
    """Count the next questions that learners asked; how many there were. The caller commits.

    The first time it begins with those that the hourly counts still hold.
    """
    figure = db.get(Figure, CHATS_COUNTED, with_for_update=True)
    if figure is None:
        db.add(figure := Figure(name=CHATS_COUNTED, value=_first_chat(db), at=clock.now()))
        db.flush()
    done = figure.value
    settled = db.scalar(
        select(Exchange.id)
        .where(Exchange.timestamp <= clock.now() - SETTLED)
        .order_by(Exchange.timestamp.desc())
        .limit(1)
    )
    rows = db.execute(
        select(Exchange.id, Exchange.timestamp, Exchange.program_code, Exchange.user_id)
        .where(Exchange.id > done, Exchange.id <= (settled or 0))
        .order_by(Exchange.id)
        .limit(BATCH)
    ).all()
    if rows:
        figure.value, figure.at = rows[-1].id, clock.now()
        add(db, [_of_chat(row) for row in rows if row.timestamp is not None])
    return len(rows)


def _of_chat(row: Any) -> Happened:
    kind, reason = sort_of({"kind": row.program_code})
    return Happened(row.timestamp, CHAT_ASKED, kind, reason, row.user_id)


def note_waiting(db: Session, number: int) -> None:
    """Note how many mails wait now, where this hour or day saw fewer at once until now.

    The caller commits.
    """
    if not number:
        return
    now = clock.now()
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(ROLLUPS)
    fewer = ROLLUPS.c.count < statement.excluded.count
    noting = statement.on_conflict_do_update(
        index_elements=KEY, set_={"count": statement.excluded.count}, where=fewer
    )
    about = {"event": MAILS_WAITING, "kind": "", "reason": "", "count": number}
    periods = ("day", "hour")
    db.execute(noting, [about | {"period": p, "begins_at": start_of(p, now)} for p in periods])


def tidy(db: Session) -> None:
    """Drop hourly counts, and marks of who was active, that no page looks at any more."""
    now = clock.now()
    old = (ROLLUPS.c.period == "hour") & (ROLLUPS.c.begins_at < now - HOURS_KEPT)
    db.execute(delete(ROLLUPS).where(old))
    for period in ("day", "week", "month"):
        past = ACTIVE.c.begins_at < now - MARKS_KEPT
        db.execute(delete(ACTIVE).where(ACTIVE.c.period == period, past))


def _add(db: Session, counts: Mapping[tuple[str, str, datetime, str, str], int]) -> None:
    if not counts:
        return
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(ROLLUPS)
    adding = statement.on_conflict_do_update(
        index_elements=KEY, set_={"count": ROLLUPS.c.count + statement.excluded.count}
    )
    # Always in one order: two that add at once would else wait for each other.
    db.execute(
        adding,
        [
            dict(zip([*KEY, "count"], [*names, counts[names]], strict=True))
            for names in sorted(counts)
        ],
    )


def _mark(db: Session, marks: set[tuple[str, datetime, int]]) -> Counter[tuple[str, datetime]]:
    """Mark people as active; how many were not yet, by period."""
    if not marks:
        return Counter()
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    marking = insert(ACTIVE).on_conflict_do_nothing().returning(ACTIVE.c.period, ACTIVE.c.begins_at)
    names = ["period", "begins_at", "user_id"]
    rows = [dict(zip(names, mark, strict=True)) for mark in sorted(marks)]
    return Counter((period, begins_at) for period, begins_at in db.execute(marking, rows))


def _first_chat(db: Session) -> int:
    first = db.scalar(
        select(Exchange.id)
        .where(Exchange.timestamp >= clock.now() - HOURS_KEPT)
        .order_by(Exchange.timestamp)
        .limit(1)
    )
    return (first or 1) - 1

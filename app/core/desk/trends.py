"""Trends: what happened over a day, a week or a month, read from the roll-ups alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import Event
from app.core.desk import insight, rollups
from app.models.ledger import AuditRollup
from app.models.programs import Program
from app.models.records import MessageState

SHOWN = [
    Event.SIGN_IN_ADMITTED,
    Event.SIGN_IN_REFUSED,
    Event.ACCOUNT_ADDED,
    Event.ACCOUNT_OPENED,
    Event.RECOVERY_ASKED,
    Event.PASSWORD_CHANGED,
    Event.PAUSE_BEGAN,
    Event.MAIL_SENT,
    Event.MAIL_FAILED,
]
TOP = 5
PROGRAMS_AT_MOST = 200
"""Spellings of program codes that are looked at for the most used ones."""


class Span(StrEnum):
    """How far back one looks: 24 hours, 7 days or 30 days, the one that runs included."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


STEPS = {Span.DAY: ("hour", 24), Span.WEEK: ("day", 7), Span.MONTH: ("day", 30)}
"""Into what a span is divided, and into how many."""


class Top(NamedTuple):
    """A program, how many questions it got, and the spellings of its code that they came under."""

    name: str
    asked: int
    codes: list[str]


@dataclass(frozen=True)
class Trends:
    """A span in numbers. Series are as long as `begins`, the oldest first."""

    span: Span
    begins: list[datetime]
    """When each hour or day began."""
    series: dict[tuple[str, str], list[int]]
    """By event and kind."""
    before: dict[str, int]
    """By event: the same stretch of the span before, cut off at the same hour."""
    reasons: list[tuple[str, int]]
    """Why sign-ins were refused, the most frequent reason first."""
    programs: list[tuple[str, int]]
    """The names of the programs that were asked most, and how many questions they got."""
    questions: dict[str, list[int]]
    """By these names: how many in each hour or day."""
    waiting: list[int]
    """How many mails waited in each hour or day, the most at once; `insight.MOST` at most."""
    active_days: list[tuple[datetime, int]]
    """How many people did something, on each of the last days."""
    active: dict[str, int]
    """How many did in the running `day`, `week` and `month`."""
    waiting_mails: int
    failed_mails: int

    def kinds(self, event: Event) -> dict[str, list[int]]:
        """The series of an event by kind, the most frequent first."""
        found = {kind: counts for (name, kind), counts in self.series.items() if name == event}
        return dict(sorted(found.items(), key=lambda each: (-sum(each[1]), each[0])))

    def counts(self, event: Event) -> list[int]:
        """The series of an event, of all its kinds together."""
        rows = self.kinds(event).values()
        return [sum(column) for column in zip(*rows, strict=True)] or [0] * len(self.begins)

    def total(self, event: Event) -> int:
        """How often an event happened within the span."""
        return sum(self.counts(event))


def read(db: Session, span: Span) -> Trends:
    """The trends of the span that ends now."""
    now = clock.now()
    period, number = STEPS[span]
    step = timedelta(hours=1) if period == "hour" else timedelta(days=1)
    current = rollups.start_of(period, now)
    begins = [current - step * back for back in reversed(range(number))]
    today = rollups.start_of("day", now)
    top = _programs(db, period, begins[0])
    days = [
        today - timedelta(days=back)
        for back in reversed(range(max(number, 7) if period == "day" else 7))
    ]
    return Trends(
        span=span,
        begins=begins,
        series=_series(db, period, begins),
        before=_before(db, begins[0], step * number, now),
        reasons=_reasons(db, period, begins[0]),
        programs=[(each.name, each.asked) for each in top],
        questions=_questions(db, period, begins, top),
        waiting=_waiting(db, period, begins),
        active_days=_active_days(db, days),
        active={each: _active(db, each, now) for each in ("day", "week", "month")},
        waiting_mails=insight.count_mails(db, MessageState.QUEUED, MessageState.SENDING),
        failed_mails=insight.count_mails(db, MessageState.FAILED),
    )


def _series(db: Session, period: str, begins: list[datetime]) -> dict[tuple[str, str], list[int]]:
    row = AuditRollup
    rows = db.execute(
        select(row.event, row.kind, row.begins_at, func.sum(row.count))
        .where(row.period == period, row.event.in_(SHOWN), row.begins_at >= begins[0])
        .group_by(row.event, row.kind, row.begins_at)
    )
    places = {begin: place for place, begin in enumerate(begins)}
    series: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(begins))
    for event, kind, begins_at, count in rows:
        if begins_at in places:
            series[event, kind][places[begins_at]] += int(count)
    return dict(series)


def _before(db: Session, begin: datetime, length: timedelta, now: datetime) -> dict[str, int]:
    """The counts from a span earlier than `begin` to a span earlier than now, by event."""
    row = AuditRollup
    since, until = begin - length, rollups.start_of("hour", now) - length
    # Whole days by the day, and by the hour what they leave over: far fewer rows than hours alone.
    last_day = max(since, rollups.start_of("day", until)) if length.days > 1 else since
    days = (row.period == "day") & (row.begins_at >= since) & (row.begins_at < last_day)
    hours = (row.period == "hour") & (row.begins_at >= last_day) & (row.begins_at <= until)
    counts: dict[str, int] = defaultdict(int)
    for part in (days, hours):
        query = select(row.event, func.sum(row.count)).where(part, row.event.in_(SHOWN))
        for event, count in db.execute(query.group_by(row.event)):
            counts[event] += int(count)
    return counts


def _reasons(db: Session, period: str, begin: datetime) -> list[tuple[str, int]]:
    row = AuditRollup
    total = func.sum(row.count)
    rows = db.execute(
        select(row.reason, total)
        .where(row.period == period, row.event == Event.SIGN_IN_REFUSED.value)
        .where(row.begins_at >= begin)
        .group_by(row.reason)
        .order_by(total.desc(), row.reason)
        .limit(10)
    )
    return [(reason, int(count)) for reason, count in rows]


def _programs(db: Session, period: str, begin: datetime) -> list[Top]:
    row = AuditRollup
    total = func.sum(row.count)
    rows = db.execute(
        select(row.kind, total)
        .where(row.period == period, row.event == rollups.CHAT_ASKED, row.begins_at >= begin)
        .group_by(row.kind)
        .order_by(total.desc(), row.kind)
        .limit(PROGRAMS_AT_MOST)
    ).all()
    query = select(Program.code, Program.name).where(
        func.lower(Program.code).in_([code.lower() for code, _count in rows])
    )
    names = {code.lower(): name for code, name in db.execute(query)}
    asked: dict[str, dict[str, int]] = defaultdict(dict)
    for code, count in rows:  # Old chats spell a program's code in several ways.
        asked[names.get(code.lower(), code)][code] = int(count)
    found = [Top(name, sum(codes.values()), list(codes)) for name, codes in asked.items()]
    return sorted(found, key=lambda each: (-each.asked, each.name))[:TOP]


def _questions(
    db: Session, period: str, begins: list[datetime], top: list[Top]
) -> dict[str, list[int]]:
    row = AuditRollup
    names = {code: each.name for each in top for code in each.codes}
    rows = db.execute(
        select(row.kind, row.begins_at, row.count).where(
            row.period == period, row.event == rollups.CHAT_ASKED, row.begins_at >= begins[0],
            row.kind.in_(names),
        )
    )  # fmt: skip
    places = {begin: place for place, begin in enumerate(begins)}
    series = {each.name: [0] * len(begins) for each in top}
    for code, begins_at, count in rows:
        if begins_at in places:
            series[names[code]][places[begins_at]] += count
    return series


def _waiting(db: Session, period: str, begins: list[datetime]) -> list[int]:
    row = AuditRollup
    query = select(row.begins_at, row.count).where(
        row.period == period, row.event == rollups.MAILS_WAITING, row.begins_at >= begins[0]
    )
    found = dict(db.execute(query).all())
    return [found.get(begin, 0) for begin in begins]


def _active_days(db: Session, days: list[datetime]) -> list[tuple[datetime, int]]:
    row = AuditRollup
    query = select(row.begins_at, row.count).where(
        row.period == "day", row.event == rollups.PEOPLE_ACTIVE, row.begins_at >= days[0]
    )
    found = dict(db.execute(query).all())
    return [(day, found.get(day, 0)) for day in days]


def _active(db: Session, period: str, now: datetime) -> int:
    row = AuditRollup
    query = select(row.count).where(
        row.period == period,
        row.event == rollups.PEOPLE_ACTIVE,
        row.begins_at == rollups.start_of(period, now),
    )
    return db.scalar(query) or 0

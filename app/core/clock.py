"""The one clock: every "now" of Rollcall comes from here, aware and in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta


def now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The current UTC day: quotas are counted by it."""
    return now().date()


def tomorrow() -> datetime:
    """The moment at which the next UTC day begins."""
    start = datetime.combine(today(), datetime.min.time(), tzinfo=UTC)
    return start + timedelta(days=1)

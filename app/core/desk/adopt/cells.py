"""What stands in a cell of a legacy table: in SQLite anything can."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def moment(value: Any) -> datetime | None:
    """A stored moment, in naive UTC: SQLite keeps it as text. None for what is no moment."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def text_of(value: Any) -> str | None:
    """A text as it is, and whatever else SQLite lets stand in its place in words."""
    return value if value is None or isinstance(value, str) else str(value)

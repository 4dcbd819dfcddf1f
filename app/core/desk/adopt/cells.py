"""What stands in a cell of a legacy table: in SQLite anything can."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app import hashing


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


def password(value: Any) -> str | None:
    """A stored password hash that somebody can sign in with; None for whatever else stands there.

    SQLite may hold the bytes of its text.
    """
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return text if hashing.is_readable(text) else None


def text_of(value: Any) -> str | None:
    """A text as it is, and whatever else SQLite lets stand in its place in words."""
    return value if value is None or isinstance(value, str) else str(value)

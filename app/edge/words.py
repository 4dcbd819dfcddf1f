"""The words of a refusal, in the reader's language."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import format_date, format_datetime, format_timedelta, gettext

from app.core.desk.finding import Said
from app.core.errors import Refusal
from app.edge.ours import ours


def say(refusal: Refusal) -> str:
    """The words of a refusal in the reader's language, its values in their form."""
    values = {"contact": ours().settings.CONTACT}
    for name, value in refusal.values.items():
        if isinstance(value, datetime):
            values[name] = format_datetime(value, "HH:mm 'UTC'")
        elif isinstance(value, timedelta):
            values[name] = format_timedelta(max(value, timedelta(seconds=1)), threshold=1)
        elif isinstance(value, date):
            values[name] = format_date(value)
        else:
            values[name] = value
    words: str = gettext(refusal.words)
    return words % values if "%(" in words else words


def tell(said: Said) -> str:
    """A sentence about somebody in the reader's language, its values in their form."""
    values = {name: _told(value) for name, value in said.values.items()}
    words: str = gettext(said.words)
    return words % values if values else words


def _told(value: Any) -> Any:
    if isinstance(value, Said):
        return tell(value)
    if isinstance(value, datetime):
        return f"{format_date(value, 'medium')}, {format_datetime(value, 'HH:mm')} UTC"
    if isinstance(value, date):
        return format_date(value, "medium")
    return ", ".join(map(_told, value)) if isinstance(value, (list, tuple)) else value

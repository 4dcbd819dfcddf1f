"""The words of a refusal, in the reader's language."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from flask_babel import format_date, format_datetime, format_timedelta, gettext

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

"""A person of a legacy database, before any rule is applied to what stands there."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

from app.models.people import Status


class Person(NamedTuple):
    """A row of `users`; what the table has no column for is None."""

    id: int
    last_name: str
    email: str | None
    visit_count: int | None
    status: str | None
    date_added: datetime | None
    expiry_date: datetime | None
    password_hash: Any
    """Text, or whatever stands there in SQLite."""
    waits: bool
    """Whether status and expiry date of this person do not count yet."""

    def known_status(self) -> Status | None:
        """The status that is meant, in any case and with blanks around it; None for other text.

        A table without the column has nobody Active: that is what the upgrade then writes.
        """
        text = (self.status or Status.INACTIVE.value).strip().casefold()
        return next((each for each in Status if each.casefold() == text), None)

    def has_run_out(self, today: date) -> bool:
        """Whether the expiry date is past; it is good through the whole of its day."""
        return self.expiry_date is not None and self.expiry_date.date() < today

    def would_be_shut_out(self, today: date) -> bool:
        """Whether a choice is owed: the status is not Active, or the expiry date past."""
        return self.waits and (self.known_status() is not Status.ACTIVE or self.has_run_out(today))

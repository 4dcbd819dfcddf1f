"""What a finding is: a name, words, how often, and each case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.desk.adopt.person import Person


@dataclass(frozen=True)
class Finding:
    """What was found: how often, in words, and each case of it."""

    name: str
    words: str
    rows: list[dict[str, Any]]
    count: int

    @classmethod
    def of(cls, name: str, words: str, rows: Iterable[dict[str, Any]]) -> Finding:
        """A finding that lists each of its cases."""
        listed = list(rows)
        return cls(name, words, listed, len(listed))


def person_row(person: Person) -> dict[str, Any]:
    return {"id": person.id, "email": person.email, "status": person.status} | (
        {"expires": day(person.expiry_date)} if person.expiry_date else {}
    )


def day(when: datetime | None) -> str | None:
    return when.date().isoformat() if when else None

"""The proof that all came over: counts that add up, and one checksum for both sides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.core.desk.adopt.prints import WHOLE, hash_of


@dataclass
class Sum:
    """How many rows, and a checksum of all that is in them, in whatever order."""

    rows: int = 0
    total: int = 0

    def add(self, values: Iterable[Any]) -> None:
        """Add a row."""
        self.rows += 1
        self.total = (self.total + hash_of(tuple(values))) % WHOLE

    def __str__(self) -> str:
        return f"{self.total:016x}"


@dataclass
class Line:
    """The proof of one kind of thing."""

    what: str
    there: int
    """Rows of the predecessor."""
    before: int
    """Of them, those that had come before."""
    left: int
    """Of them, those that do not come, as was reported."""
    brought: Sum = field(default_factory=Sum)
    """The others, as they are there."""
    found: Sum = field(default_factory=Sum)
    """What stands here of them now, as it was read again."""

    @property
    def holds(self) -> bool:
        """Whether every row is accounted for, and what came is what was there."""
        return (
            self.there == self.before + self.left + self.brought.rows and self.brought == self.found
        )

    def facts(self) -> dict[str, Any]:
        """The line as a JSON object."""
        return {
            "what": self.what,
            "there": self.there,
            "before": self.before,
            "left": self.left,
            "brought": self.brought.rows,
            "found": self.found.rows,
            "expected_checksum": str(self.brought),
            "found_checksum": str(self.found),
            "holds": self.holds,
        }


@dataclass
class Brought:
    """What was brought over, and the proof of it; nothing may be committed unless it `holds`."""

    counts: dict[str, int] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every line does."""
        return all(line.holds for line in self.lines)

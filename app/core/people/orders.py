"""How the list of people is sorted, and where one of its pages begins."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.people.wanted import MOMENTS, Wanted

SORTS = ("added", "name", "email", *MOMENTS)
DOWNWARDS = {"added", "seen"}
"""What is looked at newest first unless somebody asks otherwise."""


@dataclass(frozen=True)
class Order:
    """How a list is sorted; people without the moment that it is sorted by come last."""

    sort: str = "added"
    down: bool = True

    @classmethod
    def read(cls, sort: str, direction: str) -> Order:
        """The order that a query string names; newest first for what it does not."""
        if sort not in SORTS:
            return cls()
        down = direction == "down" if direction in {"up", "down"} else sort in DOWNWARDS
        return cls(sort, down)

    def stretches(self, wanted: Wanted) -> list[bool]:
        """In which stretches the wanted people stand: with something to be sorted by, or without.

        A filter by the very moment that a list is sorted by leaves one of the two.
        """
        if self.sort not in MOMENTS:
            return [True]
        return {"": [True, False], "never": [False]}.get(getattr(wanted, self.sort), [True])


@dataclass(frozen=True)
class Place:
    """Where a page begins: after the person with this id, or before them.

    Before nobody in particular is the last page of all.
    """

    user_id: int | None
    backwards: bool = False

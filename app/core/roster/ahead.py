"""Makes the next of many things in a thread of its own, while the one in hand is used."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(things: Iterator[T]) -> Iterator[T]:
    """The same things in their order, at most one of them waiting; what goes wrong is raised here.

    Making them must ask the database nothing, as its connection belongs to who uses them.
    """
    end = object()
    with ThreadPoolExecutor(1) as other:
        coming = other.submit(next, things, end)
        while (thing := coming.result()) is not end:
            coming = other.submit(next, things, end)
            yield thing  # type: ignore[misc]

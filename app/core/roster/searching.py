"""Looks for people in the lists of an import by any part of a name or address.

Checks pack a thousand people of a list into one text (`searchable`). The database says which of
the texts have what is looked for, in order and no more than a page needs; whose line it is, is
seen here.
"""

from __future__ import annotations

from contextlib import closing

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models.rosters import SearchPart

SEPARATOR = "\t"
"""Stands between address and name; lines end by a line feed."""

OUT = "cannot_enter"
"""The kind under which those with inactive lines alone are packed: their lines have the name a
second time, as it is written."""

TOGETHER = 4
"""Texts that are fetched at once: the first is enough where a search fits nearly everybody."""


def is_ready(db: Session, import_id: int, kind: str | None = None) -> bool:
    """Whether anybody of this import, or of this kind in it, can be found here.

    An import of an earlier version has nothing.
    """
    there = select(SearchPart.import_id).where(SearchPart.import_id == import_id).limit(1)
    if kind is not None:
        there = there.where(SearchPart.kind == kind)
    return db.scalar(there) is not None


def find(
    db: Session, import_id: int, kind: str, search: str, *, after: str, limit: int
) -> list[str]:
    """The addresses of a list that have this in themselves or beside the name, `after` one.

    By address, letter for letter, whatever the database sorts by. Some may have left the list.
    """
    lines = find_lines(db, import_id, kind, search, after=after, limit=limit)
    return [address for address, *_names in lines]


def find_lines(
    db: Session, import_id: int, kind: str, search: str, *, after: str, limit: int
) -> list[list[str]]:
    """The same people, with what their lines have beside the address; without `search` all."""
    part = search.strip().lower()
    for sign in ("\0", SEPARATOR, "\n"):
        part = part.replace(sign, "" if sign == "\0" else " ")
    place = func.instr if db.get_bind().dialect.name == "sqlite" else func.strpos
    query = (
        select(SearchPart.people)
        .where(
            SearchPart.import_id == import_id,
            SearchPart.kind == kind,
            SearchPart.last > after,
            place(SearchPart.people, part) > 0,
        )
        .order_by(SearchPart.last)
        .execution_options(yield_per=TOGETHER)
    )
    found: list[list[str]] = []
    with closing(db.scalars(query)) as texts:
        for people in texts:
            found += (line for line in _those_with(part, people) if line[0] > after)
            if len(found) >= limit:
                break
    return found[:limit]


def _those_with(part: str, people: str) -> list[list[str]]:
    return [line.split(SEPARATOR) for line in people.split("\n") if part in line]

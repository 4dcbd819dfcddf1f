"""Packs the names and addresses of the lists of an import, so that they can be searched at once.

An index of all parts of words would cost an import more than its rows do. What stands here costs
it little, and to look through a thousand people takes no longer than through a few rows of one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

import polars as pl
from polars import col
from sqlalchemy import ColumnElement, Integer, Select, and_, func, insert, literal_column, select
from sqlalchemy import cast as as_type
from sqlalchemy.orm import Session

from app.core.roster import staging
from app.core.roster.diff import PERSON, Differences
from app.core.roster.listing import UNCHANGED
from app.core.roster.searching import OUT, SEPARATOR
from app.models.rosters import Change, RosterChange, RosterImport, RosterLine, SearchPart

EACH = 1000
"""People of one part."""

BATCH = 20 * EACH
"""People who are packed and written at once."""

TOGETHER = 10
"""Parts that are read at once."""

OTHERS = PERSON | {
    "change": pl.String, "losing_program": pl.Int64, "losing_session": pl.Int64,
}  # fmt: skip
"""Of the changes, those of people who are not added."""

ENTERING = (Change.ADDED.value, Change.CHANGED.value, UNCHANGED)
"""The lists of an import that together have everybody who may enter by it."""

# The literal says to the database which of its indexes holds the others.
_ADDED: ColumnElement[str] = literal_column(f"'{Change.ADDED.value}'")


def write(db: Session, found: RosterImport, differences: Differences) -> None:
    """Pack every list of an import, the changes of which are written already."""
    changes, order = differences.rows, differences.order
    added = _those(changes["change"] == Change.ADDED.value, order)
    _put(db, found.id, Change.ADDED.value, changes, added)
    whose = select(RosterChange.address, RosterChange.last_name).where(
        RosterChange.import_id == found.id
    )
    if found.back:
        back = whose.where(RosterChange.change == _ADDED, RosterChange.back)
        rows = _fetched(db, back, PERSON)
        _put(db, found.id, "back", rows, rows["address"].arg_sort())
    flags = (RosterChange.loses_program, RosterChange.loses_session)
    numbers = (as_type(each, Integer) for each in flags)
    others = whose.add_columns(RosterChange.change, *numbers).where(RosterChange.change != _ADDED)
    rows = _fetched(db, others, OTHERS)
    order = rows["address"].arg_sort()
    for change in (Change.CHANGED, Change.REMOVED):
        _put(db, found.id, change.value, rows, _those(rows["change"] == change.value, order))
    for kind in ("losing_program", "losing_session"):
        _put(db, found.id, kind, rows, _those(rows[kind] > 0, order))
    out = differences.inactive
    # Nothing else keeps the names of those whose lines do not change.
    _put(db, found.id, OUT, out, out["address"].arg_sort(), in_full=True)
    staying = _staying(db, found, differences)
    while lines := [*islice(staying, BATCH)]:
        _write(db, found.id, UNCHANGED, lines)


def _fetched(db: Session, query: Select[*tuple[Any, ...]], schema: staging.Schema) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=schema), *staging.fetch(db, query, schema)])


def _staying(db: Session, found: RosterImport, differences: Differences) -> Iterator[str]:
    """The lines of those who can enter now and do not change."""
    if not differences.before:
        return iter(())
    lines: Iterator[str]
    if _count(db, found.compared_with) == differences.before:
        lines = heapq.merge(*(_packed(db, found.compared_with, each) for each in ENTERING))
    else:
        # The list in force was checked by an earlier version, which packed nothing.
        lines = iter(sorted(_in_force(db)))
    return _without(lines, differences.known["address"].sort())


def _without(lines: Iterator[str], addresses: pl.Series) -> Iterator[str]:
    """The lines of others than these addresses; both go by address.

    So no more than a part of the addresses has to be in memory as words.
    """
    touched = (
        each for part in range(0, len(addresses), BATCH) for each in addresses[part : part + BATCH]
    )
    first = next(touched, None)
    for line in lines:
        address = line.partition(SEPARATOR)[0]
        while first is not None and first < address:
            first = next(touched, None)
        if first != address:
            yield line


def _count(db: Session, import_id: int | None) -> int:
    """How many are packed of those whom the list of an import lets in."""
    ends = func.length(SearchPart.people) - func.length(func.replace(SearchPart.people, "\n", ""))
    counted = select(func.sum(ends + 1)).where(_is_packed(import_id, *ENTERING))
    return db.scalar(counted) or 0


def _packed(db: Session, import_id: int | None, kind: str) -> Iterator[str]:
    """The lines of a list as it was packed, many at a time."""
    parts = select(SearchPart.people).where(_is_packed(import_id, kind)).order_by(SearchPart.last)
    for people in db.scalars(parts.execution_options(yield_per=TOGETHER)):
        yield from people.split("\n")


def _is_packed(import_id: int | None, *kinds: str) -> ColumnElement[bool]:
    return and_(SearchPart.import_id == import_id, SearchPart.kind.in_(kinds))


def _in_force(db: Session) -> Iterator[str]:
    """The same, from the lines of the list in force themselves."""
    query = (
        select(RosterLine.address, func.max(RosterLine.last_name))
        .where(RosterLine.active.is_(True))
        .group_by(RosterLine.address)
    )
    for people in staging.fetch(db, query, PERSON):
        yield from _lines(people)


def _lines(people: pl.DataFrame, *, in_full: bool = False) -> list[str]:
    """A line for each of the people: the address, and the name as `searching` looks for it.

    `in_full` the name as it is written comes last.
    No character of an address stands before the separator, so that lines are sorted as addresses.
    """
    name = col("last_name").str.replace_all(r"[\t\n]", " ")
    names = [name.str.to_lowercase(), name] if in_full else [name.str.to_lowercase()]
    lines = people.select(line=pl.concat_str("address", *names, separator=SEPARATOR))["line"]
    return cast("list[str]", lines.to_list())


def _those(which: pl.Series, order: pl.Series) -> pl.Series:
    """Of the rows that come in this order, those that are meant."""
    return order.filter(which.gather(order))


def _put(
    db: Session,
    import_id: int,
    kind: str,
    people: pl.DataFrame,
    which: pl.Series,
    *,
    in_full: bool = False,
) -> None:
    """Pack those of the people at the places `which`, which go by address.

    No copy of them all is made.
    """
    for start in range(0, len(which), BATCH):
        rows = people[which[start : start + BATCH]]
        _write(db, import_id, kind, _lines(rows, in_full=in_full))


def _write(db: Session, import_id: int, kind: str, lines: list[str]) -> None:
    if lines:
        db.execute(insert(SearchPart), [*_parts(import_id, kind, lines)])


def _parts(import_id: int, kind: str, lines: list[str]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(lines), EACH):
        part = lines[start : start + EACH]
        last = part[-1].partition(SEPARATOR)[0]
        yield {"import_id": import_id, "kind": kind, "last": last, "people": "\n".join(part)}

"""What a list would change, person by person: compared by the sums of the marks of their lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl
from polars import col
from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from app.core.errors import ListChanged
from app.core.roster import staging
from app.core.roster.columns import COLUMNS
from app.core.roster.marks import SEPARATOR, marks_of
from app.models.rosters import Change, RosterLine

BATCH = 5000
"""Lines that are marked at once."""

SUMS = {"address": pl.String, "total": pl.Int64, "count": pl.Int64}
"""A person of the list in force: address, sum of the marks, count of active lines."""

PERSON = {"address": pl.String, "last_name": pl.String}
"""Somebody, as they are listed."""

_CHANGE = pl.Enum([change.value for change in Change])
CHANGES: dict[str, pl.DataType | type[pl.DataType]] = {
    "address": pl.String, "change": _CHANGE, "last_name": pl.String, "gained": pl.String,
}  # fmt: skip
"""What becomes of a person; `gained` are the LO Root IDs of who could not enter before."""

_WAS, _STAYS = col("count") > 0, col("active") > 0


@dataclass
class Differences:
    """Who changes, and how; the counts are of people who may enter."""

    known: pl.DataFrame
    """What becomes of people who stand on the list in force, as `CHANGES`."""
    new: pl.DataFrame
    """The others: they are added, or are inactive from the start."""
    before: int = 0
    """Who could enter by the list in force."""
    is_first: bool = True
    """Whether nobody stands on a list in force."""
    inactive: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PERSON))
    """Whom the compared list names by inactive lines alone and who cannot enter, as `PERSON`."""

    @cached_property
    def rows(self) -> pl.DataFrame:
        """All of them, in no order."""
        return pl.concat([self.known, self.new])

    @cached_property
    def order(self) -> pl.Series:
        """Which of `rows` come one after another, by address: a sorted copy would be large."""
        return self.rows["address"].arg_sort()

    def count(self, change: Change) -> int:
        """How many people change so."""
        meant = col("change") == change.value
        return self.known.filter(meant).height + self.new.filter(meant).height


def in_force(db: Session, among: Select[str] | None = None) -> Iterator[pl.DataFrame]:
    """Everybody on the list in force, or those with an address in `among`, as `SUMS`."""
    active = func.count().filter(RosterLine.active.is_(True))
    query = select(RosterLine.address, func.sum(RosterLine.mark), active)
    if among is not None:
        query = query.where(RosterLine.address.in_(among))
    return staging.fetch(db, query.group_by(RosterLine.address), SUMS)


def replace(people: pl.DataFrame, listed: Iterable[pl.DataFrame], kept: set[str]) -> Differences:
    """Compare with a list that replaces the one in force; `people` have their sums as `mark`.

    Who is in `kept` and not in `people` has problem lines alone and stays as they were: a typing
    mistake takes nobody's access away.
    """
    nothing = {"last_name": pl.lit(""), "gained": pl.lit("")}

    def gone(part: pl.DataFrame) -> pl.DataFrame:
        went = part.filter(~col("address").is_in([*kept]))
        return went.select("address", _change(_WAS, pl.lit(False)), **nothing)

    return _compared(people, listed, after=_STAYS, gone=gone)


def add(people: pl.DataFrame, listed: Iterable[pl.DataFrame]) -> Differences:
    """Compare with lines that come to those in force: who has new ones may change, nobody goes."""
    return _compared(people, listed, after=_WAS | _STAYS, gone=None)


def _compared(
    people: pl.DataFrame,
    listed: Iterable[pl.DataFrame],
    *,
    after: pl.Expr,
    gone: Callable[[pl.DataFrame], pl.DataFrame] | None,
) -> Differences:
    """Compare part by part, so that the list in force is never in memory as a whole."""
    found = Differences(pl.DataFrame(schema=CHANGES), people)
    known = [found.known]
    there: list[pl.Series] = []
    out = people["active"] == 0
    slim = people.select(col("address", "active", "^mark$")).with_row_index("row")
    same = col("mark") == col("total")
    for part in listed:
        if "mark" not in people.columns:
            raise ListChanged
        found.is_first = False
        both = _joined(part, slim)
        changed = both.filter(~same)
        known.append(_changes(changed, people[changed["row"]].select("last_name", "ids"), after))
        if gone is not None:
            known.append(gone(part.join(both, on="address", how="anti")))
        there.append(both["row"])
        # Who is inactive in a file that adds may enter by a line that is in force.
        out = out.scatter(both.filter(~_STAYS & after)["row"], False)
        found.before += part.filter(_WAS).height
    found.inactive = people.filter(out).select(*PERSON)
    found.new = _unlisted(people, there)
    found.known = pl.concat(known)
    return found


def _joined(part: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Who stands in both, from the few of `part`: to join with all takes much more memory."""
    theirs = people.filter(col("address").is_in(part["address"].implode()))
    return part.join(theirs, on="address", how="inner")


def _unlisted(people: pl.DataFrame, there: list[pl.Series]) -> pl.DataFrame:
    """The people at none of the places `there`, as `CHANGES`."""
    if there:
        mask = pl.repeat(True, people.height, eager=True, dtype=pl.Boolean)
        people = people.filter(mask.scatter(pl.concat(there), False))
    gained = col("ids").alias("gained")
    return people.select("address", _change(pl.lit(False), _STAYS), "last_name", gained)


def _changes(both: pl.DataFrame, more: pl.DataFrame, after: pl.Expr) -> pl.DataFrame:
    """Who changes; who could not enter before gains all that they hold."""
    gained = pl.when(~_WAS & after).then(col("ids")).otherwise(pl.lit("")).alias("gained")
    return both.hstack(more).select("address", _change(_WAS, after), "last_name", gained)


def _change(before: pl.Expr, after: pl.Expr) -> pl.Expr:
    changed, removed, added, inactive = (
        pl.lit(each.value, _CHANGE)
        for each in (Change.CHANGED, Change.REMOVED, Change.ADDED, Change.INACTIVE)
    )
    left = pl.when(after).then(changed).otherwise(removed)
    came = pl.when(after).then(added).otherwise(inactive)
    return pl.when(before).then(left).otherwise(came).alias("change")


def mark_lines(db: Session) -> None:
    """Give the lines that an earlier version wrote their marks."""
    columns = [getattr(RosterLine, name) for name in COLUMNS]
    query = select(RosterLine.id, *columns).where(RosterLine.mark.is_(None)).limit(BATCH)
    while rows := db.execute(query).all():
        marks = marks_of(SEPARATOR.join(cells).encode() for _id, *cells in rows)
        values = [{"id": row[0], "mark": mark} for row, mark in zip(rows, marks, strict=True)]
        db.execute(update(RosterLine), values)

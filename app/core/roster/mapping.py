"""Which columns of a file are ours where its header does not say so: as before, or as named."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import N_, Refusal
from app.core.roster.columns import COLUMNS, NEEDED, guess_mapping, holds_address, says_itself
from app.models.rosters import RosterImport

PROBLEM_COLUMNS = ("_line", "_problem")
"""What a file of problem lines has beside the cells of the lines; such a file only adds."""

REMEMBERED = 50
"""Imports among which the columns of a like file are looked for."""


class ColumnUnknown(Refusal):
    """A column of the file that was asked for is not there, or a needed one was not named."""

    code = "column_unknown"
    status = 422
    words = N_("%(reason)s")


@dataclass(frozen=True)
class Known:
    """What the columns of a file were: their names without those of problem lines, empty ones
    where it had no header, and our columns by their places among them."""

    names: list[str]
    headed: bool
    mapping: dict[str, int]


def recent(db: Session) -> list[Known]:
    """What was said about the columns of the files that were last applied, the newest first."""
    applied = (
        select(RosterImport.columns, RosterImport.headed, RosterImport.mapping)
        .where(RosterImport.applied_at.is_not(None), RosterImport.mapping.is_not(None))
        .order_by(RosterImport.id.desc())
        .limit(REMEMBERED)
    )
    found = []
    for columns, headed, mapping in db.execute(applied):
        names = _plain([each["name"] for each in columns or []])
        places = _own_places(names)
        own = {name: places.index(place) for name, place in mapping.items() if place in places}
        if names and mapping and len(own) == len(mapping):
            found.append(Known([names[place] for place in places], headed, own))
    return found


def remembered_mapping(
    db: Session, header: Sequence[str], rows: Collection[Sequence[str]] = ()
) -> dict[str, int] | None:
    """What the columns of such a file were when it was last applied; None if it never was.

    A file without a header (an empty one) is known by the number of columns of its first `rows`,
    and by an address where the addresses stood.
    """
    return fitting(recent(db), header, rows)


def fitting(
    known: Collection[Known], header: Sequence[str], rows: Collection[Sequence[str]]
) -> dict[str, int] | None:
    """The same, of what is `known`."""
    names = _plain(header)
    # Problem lines come back with two columns more, which may stand anywhere by then.
    places = _own_places(names)
    own = [names[place] for place in places]
    width = max(map(len, rows), default=0)
    for each in known:
        if header and each.headed and each.names == own:
            return {name: places[place] for name, place in each.mapping.items()}
        if not header and not each.headed and len(each.names) == width:
            place = each.mapping.get("email", width)
            if any(holds_address(row[place : place + 1]) for row in rows):
                return dict(each.mapping)
    return None


def of_first_line(known: Collection[Known], first: Sequence[str]) -> dict[str, int] | None:
    """What the columns of a file are whose first line this is; None if it is not known.

    None too where it says so itself: nobody looks at it before a command takes it.
    """
    if says_itself(first):
        return None
    is_header = not holds_address(first)
    return fitting(known, first if is_header else [], [first])


def named(first: Sequence[str], asked: Mapping[str, str]) -> dict[str, int]:
    """Our columns by the name, or else the number from 1, that somebody `asked` for each by.

    `first` is the first line of the file. Columns that nobody asked for are known by their names
    in it. Raises `ColumnUnknown`.
    """
    mapping = {name: _place(first, name, column) for name, column in asked.items()}
    for name, place in guess_mapping(first).items():
        if name not in mapping and place not in mapping.values():
            mapping[name] = place
    taken = list(mapping.values())
    for name, place in mapping.items():
        if taken.count(place) > 1:
            raise ColumnUnknown(reason=f"Column {place + 1} is asked for twice, once as “{name}”.")
    missing = [name for name in NEEDED if name not in mapping]
    if missing:
        names = "”, “".join(missing)
        raise ColumnUnknown(reason=f"No column is said to be “{names}”.")
    return {name: mapping[name] for name in COLUMNS if name in mapping}


def _place(first: Sequence[str], name: str, column: str) -> int:
    header = [] if holds_address(first) else [cell.strip() for cell in first]
    places = [place for place, cell in enumerate(header) if cell == column.strip()]
    if len(places) == 1:
        return places[0]
    if len(places) > 1:
        both = " and ".join(str(place + 1) for place in places)
        words = f"“{column}” is the name of the columns {both}. Say which one by its number"
        raise ColumnUnknown(reason=f"{words}: {name}={places[0] + 1}.")
    if column.isascii() and column.isdecimal() and 1 <= int(column[:6]) <= len(first):
        return int(column[:6]) - 1
    raise ColumnUnknown(
        reason=f"The file has no column “{column}”; its first line has {len(first)} cells."
    )


def _plain(names: Sequence[str]) -> list[str]:
    """The names of columns as they are compared and kept."""
    return [name.strip()[:200] for name in names]


def _own_places(names: Sequence[str]) -> list[int]:
    """Where the columns stand that the lines themselves have."""
    return [place for place, name in enumerate(names) if name not in PROBLEM_COLUMNS]

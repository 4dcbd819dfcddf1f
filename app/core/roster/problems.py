"""The problem lines of an import and the remarks about good ones, page by page and as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from app.core import sheets
from app.core.roster import ledger
from app.core.roster.columns import COLUMNS
from app.core.roster.mapping import PROBLEM_COLUMNS
from app.core.sheets import BATCH
from app.models.rosters import RosterProblem


def list_problems(
    db: Session,
    import_id: int,
    *,
    remarks: bool = False,
    reason: str | None = None,
    after: tuple[int, int] | None = None,
    limit: int = 50,
) -> list[RosterProblem]:
    """Problem lines, or remarks about good ones, `after` (line, id) of the last one seen."""
    query = (
        select(RosterProblem)
        .where(RosterProblem.import_id == import_id, RosterProblem.is_remark.is_(remarks))
        .order_by(RosterProblem.line, RosterProblem.id)
        .limit(limit)
    )
    if reason is not None:
        query = query.where(RosterProblem.reason == reason)
    if after is not None:
        query = query.where(tuple_(RosterProblem.line, RosterProblem.id) > after)
    return list(db.scalars(query))


@dataclass(frozen=True)
class Group:
    """Problem lines that the same thing mends; `line` is the first of them."""

    column: str
    reason: str
    count: int
    line: int


def problem_groups(
    db: Session, import_id: int, *, remarks: bool = False, limit: int = 50
) -> list[Group]:
    """The problem lines of an import by column and reason, the most frequent first."""
    count = func.count()
    query = (
        select(RosterProblem.column, RosterProblem.reason, count, func.min(RosterProblem.line))
        .where(RosterProblem.import_id == import_id, RosterProblem.is_remark.is_(remarks))
        .group_by(RosterProblem.column, RosterProblem.reason)
        .order_by(count.desc(), func.min(RosterProblem.line))
        .limit(limit)
    )
    return [Group(*row) for row in db.execute(query)]


def write_problems(db: Session, import_id: int) -> Iterator[str]:
    """The problem lines as a CSV file in pieces: their own cells, then line and problem.

    To be mended and uploaded again: the two columns are ignored then, and such a file only adds.
    A line that was too long to keep has empty cells.
    """
    found = ledger.get(db, import_id)
    header = [each["name"] for each in found.columns or []]
    if not any(header):
        header = _named(found.mapping or {}, len(header))
    return sheets.write_csv([*header, *PROBLEM_COLUMNS], _problem_rows(db, import_id, len(header)))


def _named(mapping: Mapping[str, int], width: int) -> list[str]:
    """Names for the columns of a file without a header: ours where they stand, by which they are
    known when it comes back."""
    names = {place: name for name, place in mapping.items()}
    if not names:
        return list(COLUMNS)
    return [names.get(place, f"column_{place + 1}") for place in range(width)]


def _problem_rows(db: Session, import_id: int, width: int) -> Iterator[list[Any]]:
    # The query begins with the first row that is wanted, so that it may be read while it is sent.
    query = (
        select(RosterProblem.line, RosterProblem.reason, RosterProblem.cells)
        .where(RosterProblem.import_id == import_id, RosterProblem.is_remark.is_(False))
        .order_by(RosterProblem.line, RosterProblem.id)
        .execution_options(yield_per=BATCH)
    )
    for line, reason, cells in db.execute(query):
        yield [*_fitted(cells or [], width), line, reason]


def _fitted(cells: list[str], width: int) -> list[str]:
    """As many cells as the header has names; what is too much stays in the last one."""
    if len(cells) > width:
        return [*cells[: width - 1], ",".join(cells[width - 1 :])]
    return [*cells, *[""] * (width - len(cells))]

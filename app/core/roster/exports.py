"""The list in force as a CSV file, which reads back as it was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import sheets
from app.core.roster.columns import COLUMNS
from app.core.sheets import BATCH
from app.models.rosters import RosterLine


def write_list(db: Session) -> Iterator[str]:
    """The text of the file, in pieces: a header, then a row for each person and LO Root ID."""
    return sheets.write_csv(COLUMNS, _rows(db))


def rows(db: Session) -> Iterator[dict[str, str]]:
    """The rows of the list, each by its columns, as they are: for programs."""
    for row in _rows(db):
        yield dict(zip(COLUMNS, row, strict=True))


def _rows(db: Session) -> Iterator[Sequence[str]]:
    columns = [getattr(RosterLine, name) for name in COLUMNS]
    query = select(*columns).order_by(RosterLine.import_id, RosterLine.line, RosterLine.id)
    for found in db.execute(query.execution_options(yield_per=BATCH)).partitions():
        yield from found

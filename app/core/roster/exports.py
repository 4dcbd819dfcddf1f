"""The list in force as a CSV file, which reads back as it was written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.roster.columns import COLUMNS
from app.models.rosters import RosterLine

BATCH = 2000
"""Rows that are fetched, and written, at once."""

# What a spreadsheet takes for a formula, and cells that an apostrophe guards already: reading
# takes away exactly the one that is put before them here (OWASP ASVS 1.2.10).
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def write_list(db: Session) -> Iterator[str]:
    """The text of the file, in pieces: a header, then a row for each person and LO Root ID.

    The byte order mark tells spreadsheets that it is UTF-8.
    """
    yield "\ufeff" + ",".join(COLUMNS) + "\r\n"
    columns = [getattr(RosterLine, name) for name in COLUMNS]
    query = select(*columns).order_by(RosterLine.import_id, RosterLine.line, RosterLine.id)
    for rows in db.execute(query.execution_options(yield_per=BATCH)).partitions():
        text = io.StringIO()
        csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
        yield text.getvalue()


def rows(db: Session) -> Iterator[dict[str, str]]:
    """The rows of the list, each by its columns, as they are: for programs."""
    columns = [getattr(RosterLine, name) for name in COLUMNS]
    query = select(*columns).order_by(RosterLine.import_id, RosterLine.line, RosterLine.id)
    for found in db.execute(query.execution_options(yield_per=BATCH)).partitions():
        for row in found:
            yield dict(zip(COLUMNS, row, strict=True))


def guarded(cell: str) -> str:
    """The cell as it stands in every CSV file of ours: no spreadsheet takes it for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell

"""Tables as files: CSV and XLSX that a spreadsheet opens and in which no cell is a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import IO, Any

BATCH = 1000
"""Rows that are written at once."""

SHEET_ROWS = 1_048_576
"""Rows that one sheet of a workbook can have, its header among them."""

CELL_LENGTH = 32_767
"""Characters that one cell of a workbook can have."""

CUT = " […]"
"""What stands at the end of a text that is longer than that."""

# What a spreadsheet takes for a formula, and cells that an apostrophe guards already: reading a
# list takes away exactly the one that is put before them here (OWASP ASVS 1.2.10).
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")

# Control characters that no XML 1.0 document holds, nor therefore a workbook (XML 1.0 §2.2).
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def guarded(cell: Any) -> Any:
    """The cell with an apostrophe before it where a spreadsheet would calculate it."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def as_text(moment: datetime | None) -> str:
    """A moment as a cell: UTC, to the second; nothing where there is none."""
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The text of a CSV file in pieces. The byte order mark tells spreadsheets that it is UTF-8."""
    yield "\ufeff" + _csv([header])
    rest = iter(rows)
    while batch := list(islice(rest, BATCH)):
        yield _csv(batch)


def write_workbook(
    title: str, header: Sequence[str], rows: Iterable[Sequence[Any]], file: IO[bytes]
) -> None:
    """Write an XLSX file, with a further sheet wherever one is full.

    Its rows are put on disk one by one, so that memory does not grow with them. Of a text that
    is longer than a cell can be the rest is left out, and `CUT` says so.
    """
    from openpyxl import Workbook  # noqa: PLC0415

    book = Workbook(write_only=True)
    full, number = 0, 0
    for row in chain([None], rows):
        if full == 0:
            number += 1
            sheet = book.create_sheet(title if number == 1 else f"{title} {number}")
            sheet.append(list(header))
            full = SHEET_ROWS - 1
        if row is not None:
            sheet.append([_cell(each) for each in row])
            full -= 1
    book.save(file)


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = guarded(_NOT_IN_XML.sub("", value))
    return text if len(text) <= CELL_LENGTH else text[: CELL_LENGTH - len(CUT)] + CUT

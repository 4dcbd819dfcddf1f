"""Reads the first sheet of an `.xlsx` file as CSV, once it is known that it does not blow up.

A workbook is a zip of XML: the sizes that it claims are looked at before anything is unpacked, no
entity in it is expanded, and no formula is calculated: it stays the text that it is.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, cast

from defusedxml.common import DefusedXmlException

from app.core.errors import N_
from app.core.roster.columns import COLUMN_LIMIT, FileRefused

ZIP = b"PK\x03\x04"
"""How a zip begins, and with it a workbook."""

MOST_ENTRIES = 1_000
MOST_UNPACKED = 1 << 30
"""Bytes of everything in a workbook once it is unpacked."""

MOST_RATIO = 200
"""How many times larger the parts may become; a sheet of a real list grows some ten times."""

MOST_ROWS = 1_048_577
_NO_SHEET = N_("This is no workbook with a sheet in it. Save it as CSV UTF-8 and upload that.")
_BOMB = N_("This workbook unpacks to more than a list can be. Save it as CSV UTF-8.")


def is_sheet(head: bytes) -> bool:
    """Whether a file that begins so is a zip, and a workbook if it is anything that we read."""
    return head.startswith(ZIP)


def to_csv(book: IO[bytes], rows: int | None = None) -> IO[bytes]:
    """The first sheet as CSV in UTF-8, from its start; a row is a line, blank rows too.

    `rows` are read, or all of them. Raises FileRefused for what is no workbook, and for one whose
    parts claim too much. The caller closes the answer, which is a file without a name.
    """
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    _refuse_bombs(book)
    out = TemporaryFile()  # noqa: SIM115 - the caller closes it
    text = io.TextIOWrapper(cast(BinaryIO, out), encoding="utf-8", newline="", write_through=True)
    written = csv.writer(text, lineterminator="\n")
    try:
        for cells in islice(_rows(book), rows):
            # A row of empty cells becomes an empty line, so that the numbers of lines stay.
            written.writerow(cells) if any(cells) else text.write("\n")
    except (
        zipfile.BadZipFile, InvalidFileException, DefusedXmlException,
        KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError, OSError, EOFError,
    ) as error:  # fmt: skip
        out.close()
        raise FileRefused(_NO_SHEET) from error
    text.detach()
    out.seek(0)
    return out


def _refuse_bombs(book: IO[bytes]) -> None:
    try:
        with zipfile.ZipFile(book) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise FileRefused(_NO_SHEET) from error
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise FileRefused(_NO_SHEET)
    unpacked = sum(part.file_size for part in parts)
    book.seek(0, io.SEEK_END)
    packed_size = book.tell()
    book.seek(0)
    too_large = unpacked > MOST_UNPACKED or unpacked > MOST_RATIO * packed_size
    if too_large or len(parts) > MOST_ENTRIES or any(part.flag_bits & 1 for part in parts):
        raise FileRefused(_BOMB)


def _rows(book: IO[bytes]) -> Iterator[list[str]]:
    from openpyxl import load_workbook  # noqa: PLC0415
    from openpyxl.xml import DEFUSEDXML  # noqa: PLC0415

    assert DEFUSEDXML, "openpyxl reads XML safely only where defusedxml is installed"
    # What the directory claims is not all that can be unpacked: zipfile stops at the claim.
    workbook = load_workbook(book, read_only=True, data_only=False, keep_links=False)
    try:
        sheet = workbook.worksheets[0]
        sheet.reset_dimensions()  # What a file says of its own size is not to be trusted.
        for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
            if number > MOST_ROWS:
                raise FileRefused(_BOMB, number)
            if len(row) > COLUMN_LIMIT:
                raise FileRefused(f"The sheet has more than {COLUMN_LIMIT} columns.", number)
            yield [_text(cell) for cell in row]
    finally:
        workbook.close()


def _text(cell: Any) -> str:
    """A cell as text: whole numbers without a point, dates as ISO 8601 has them."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        is_day = cell.time() == time()
        return cell.date().isoformat() if is_day else cell.isoformat(" ", "seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    # A line break within a cell would move the numbers of all lines below; it stays a fault.
    return str(cell).replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\u2028")

"""Looks at the first lines of a list: delimiter, header, columns, and a name to judge it by."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import islice

from app.core.errors import N_
from app.core.roster.columns import (
    COLUMN_LIMIT,
    COLUMNS,
    FileRefused,
    find_delimiter,
    guess_mapping,
    holds_address,
    is_header,
)
from app.core.roster.files import ENCODINGS
from app.core.roster.records import SAVE_AGAIN, line_ends

SAMPLE = 65_536
"""Bytes that are looked at."""

ROWS = 50
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Opening:
    """How a file begins. `header` is empty where the first line is a person already."""

    delimiter: str
    header: list[str]
    rows: list[list[str]]
    mapping: dict[str, int]
    sample: str | None


def look(head: bytes, *, encoding: str, odd_line: bytes | None, whole: bool) -> Opening:
    """Look at the first bytes of a file; `whole` says that these are all.

    `odd_line` is the first line with a letter beyond ASCII. Raises FileRefused for what is plainly
    no list: UTF-16, a NUL, no line, too many columns.
    """
    refuse_at_sight(head)
    if encoding not in ENCODINGS:
        raise FileRefused(f"A roster cannot be read as “{encoding}”: utf-8 or cp1252.")
    text = _text(head.removeprefix(_BOM)[:SAMPLE], ENCODINGS[encoding])
    delimiter = find_delimiter(text)
    rows = _rows(text, delimiter)
    if not rows:
        raise FileRefused(N_("The file is empty."))
    if len(rows[0]) > COLUMN_LIMIT:
        raise FileRefused(f"The file has more than {COLUMN_LIMIT} columns.", 1)
    header = rows[0] if _is_headed(rows) else []
    if header and whole and len(rows) == 1 and len(head) <= SAMPLE:
        raise FileRefused(N_("The file has a header and no line below it."))
    body = rows[1:] if header else rows
    mapping = guess_mapping(header)
    if not header and len(rows[0]) == len(COLUMNS):
        mapping = {name: place for place, name in enumerate(COLUMNS)}
    if odd_line:
        body = [*body, *_rows(_text(odd_line[:SAMPLE] + b"\n", ENCODINGS[encoding]), delimiter)]
    return Opening(delimiter, header, body[:ROWS], mapping, _accented(body, mapping))


def refuse_at_sight(data: bytes) -> None:
    """Refuse UTF-16 and what holds a NUL, as UTF-16 and pictures do and no CSV does."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileRefused(SAVE_AGAIN, 1)
    if b"\0" in data:
        raise FileRefused(SAVE_AGAIN, 1 + line_ends(data[: data.index(b"\0")]))


def _text(data: bytes, encoding: str) -> str:
    end = data.rfind(b"\n") + 1 or data.rfind(b"\r") + 1 or len(data)
    text = data[:end].decode(encoding, "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _rows(text: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    filled = ([cell.strip() for cell in row] for row in reader if "".join(row).strip())
    return list(islice(filled, ROWS))


def _is_headed(rows: list[list[str]]) -> bool:
    """Whether the first line names columns: by our names, or by people that begin below it."""
    if holds_address(rows[0]):
        return False
    return is_header(rows[0]) or any(holds_address(row) for row in rows[1:])


def _accented(rows: list[list[str]], mapping: dict[str, int]) -> str | None:
    """A name that shows whether the encoding is right, or any cell that does."""
    place = mapping.get("last_name")
    names = [row[place] for row in rows if place is not None and place < len(row)]
    cells = [cell for row in rows for cell in row]
    return next((each[:200] for each in [*names, *cells] if not each.isascii()), None)

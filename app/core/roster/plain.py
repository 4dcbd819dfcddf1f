"""Reads blocks of plain lines column by column, which takes a third of the time of line by line.

A block is plain where no quote, no control character and no odd width is in it. A line of it with
a cell that needs a second look is left to `columns.read_line`, which alone makes the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from app.addresses import BadAddress, canonical
from app.core.roster.columns import (
    CELL_LIMIT,
    COLUMNS,
    Line,
    Problem,
    Remark,
    Shape,
    read_line,
    surname_key,
    unguarded,
)
from app.core.roster.marks import SEPARATOR, marks_of

MOST_KNOWN = 50_000
"""Values of a column that are remembered; then they are forgotten, to stay small in memory."""

Row = tuple[str, int, str, str, str, str, str, bool, str, str, str, int]
"""What is stored of a line and one LO Root ID, in the order of `ROW_COLUMNS`."""

ROW_COLUMNS = (
    "address", "line", "user_code", "last_name", "surname_key", "email",
    "status", "active", "class_name", "date", "lo_root_id", "mark",
)  # fmt: skip

ADDRESS, LINE, ACTIVE, LO_ROOT_ID, MARK = (
    ROW_COLUMNS.index(name) for name in ("address", "line", "active", "lo_root_id", "mark")
)
TAB = "\t"
"""What stands between the columns of a row as text, as no cell has it; a line ends each row."""


class Bad(NamedTuple):
    """A problem or a remark, with the cells of its line as they stand in the file."""

    note: Problem | Remark
    cells: Sequence[str]


class Batch(NamedTuple):
    """Some lines of a file: the rows to be stored, what is wrong or odd, and how many lines."""

    rows: list[Row]
    notes: list[Bad]
    lines: int


class _Text(dict[str, str | None]):
    """Cells as they are stored, by what stands in the file; None for one to be looked at again."""

    def __missing__(self, cell: str) -> str | None:
        found: str | None = cell.strip()
        if "'" in cell:
            found = unguarded(found or "")
        if found == cell:
            found = cell  # The same object, so that a million equal cells are one.
        self[cell] = found = self.check(found or "")
        return found

    def check(self, text: str) -> str | None:
        return text


class _Names(_Text):
    def check(self, text: str) -> str | None:
        return text or None


class _Ids(_Text):
    def check(self, text: str) -> str | None:
        # Several ids, none, and the word for none that an earlier program wrote.
        return None if not text or text == "nan" or ";" in text or "," in text else text


class _Statuses(_Text):
    def check(self, text: str) -> str | None:
        return text if text.casefold() in ("active", "inactive") else None


class _Keys(dict[str, str]):
    def __missing__(self, name: str) -> str:
        self[name] = key = surname_key(name)
        return key


class PlainReader:
    """Reads the plain blocks of one file; what it knows of cells it keeps from block to block."""

    def __init__(self, shape: Shape, delimiter: str, encoding: str) -> None:
        self._shape = shape
        self._delimiter = delimiter
        self._encoding = encoding
        self._known: dict[str, _Text] = {name: _Text() for name in COLUMNS}
        self._known |= {"last_name": _Names(), "lo_root_id": _Ids(), "status": _Statuses()}
        self._keys = _Keys()

    def read(self, text: str, number: int) -> Batch | None:
        """The lines of a block, the first of which is line `number`; None if it is not plain."""
        bare = text.replace("\n", "").replace(self._delimiter, "")
        if '"' in text or not bare.isprintable() or not text.endswith("\n"):
            return None
        if self._encoding == "cp1252" and not text.isascii():
            return None
        lines = text.split("\n")
        lines.pop()
        if max(map(len, lines)) > CELL_LIMIT:
            return None
        table = [line.split(self._delimiter) for line in lines]
        if set(map(len, table)) != {self._shape.width}:
            return None
        return self._read_table(table, number, self._is_trim(text))

    def _is_trim(self, text: str) -> bool:
        """Whether no cell has an outer blank or begins with the apostrophe of an export."""
        # Blanks beyond the plain one are not printable, so that this is all that is trimmed.
        signs = (self._delimiter + " ", " " + self._delimiter, self._delimiter + "'")
        first = text[0] not in " '"
        return first and not any(each in text for each in (*signs, "\n ", " \n", "\n'"))

    def _read_table(self, table: list[list[str]], number: int, is_trim: bool) -> Batch:
        blank = [""] * len(table)
        columns = [*zip(*table, strict=True), blank]
        code, name, email, status, class_name, date, lo_root_id = (
            self._clean(column, columns[place], is_trim)
            for column, place in zip(COLUMNS, self._shape.places, strict=True)
        )
        address = self._addresses(email)
        odd = {
            place
            for column in (name, address, status, lo_root_id)
            if None in column
            for place, cell in enumerate(column)
            if cell is None
        }
        numbers: Iterable[int] = range(number, number + len(table))
        parts = (numbers, code, name, email, address, status, class_name, date, lo_root_id)
        if odd:
            kept = [place for place in range(len(table)) if place not in odd]
            parts = tuple([list(column)[place] for place in kept] for column in parts)  # type: ignore[assignment]
        rows = self._rows(*parts)  # type: ignore[arg-type]
        if not odd:
            return Batch(rows, [], len(table))
        return self._with_odd(rows, [(number + place, table[place]) for place in sorted(odd)])

    def _clean(self, column: str, cells: Sequence[str], is_trim: bool) -> Sequence[str | None]:
        known = self._known[column]
        if is_trim and (type(known) is _Text or None not in {known[cell] for cell in set(cells)}):
            return cells
        if column == "email" or len(known) > MOST_KNOWN:
            known.clear()
        return [known[cell] for cell in cells]

    def _addresses(self, emails: Sequence[str | None]) -> list[str | None]:
        known: dict[str | None, str | None] = {}
        for email in emails:
            if email not in known:
                try:
                    address = canonical(email or "")
                except BadAddress:
                    known[email] = None
                else:
                    known[email] = email if address == email else address
        return [known[email] for email in emails]

    def _rows(
        self,
        numbers: Sequence[int],
        code: list[str],
        name: list[str],
        email: list[str],
        address: list[str],
        status: list[str],
        class_name: list[str],
        date: list[str],
        lo_root_id: list[str],
    ) -> list[Row]:
        """Put the clean columns together to rows, with what is derived of them."""
        if len(self._keys) > MOST_KNOWN:
            self._keys.clear()
        contents = zip(code, name, email, status, class_name, date, lo_root_id, strict=True)
        marks = marks_of(map(SEPARATOR.join, contents))
        keys = [self._keys[each] for each in name]
        is_active = {each: each.casefold() == "active" for each in set(status)}
        active = [is_active[each] for each in status]
        return list(
            zip(
                address, numbers, code, name, keys, email,
                status, active, class_name, date, lo_root_id, marks, strict=True,
            )
        )  # fmt: skip

    def _with_odd(self, rows: list[Row], odd: list[tuple[int, list[str]]]) -> Batch:
        """Add the lines with a cell that needed a second look, each read by itself."""
        notes: list[Bad] = []
        blank = 0
        for number, cells in odd:
            if not "".join(cells).strip():
                blank += 1
                continue
            remarks: list[Remark] = []
            item = read_line(number, cells, self._shape, self._encoding, remarks)
            add_item(item, cells, rows, notes)
            notes += [Bad(remark, cells) for remark in remarks]
        rows.sort(key=_number)
        lines = len({row[1] for row in rows})
        problems = sum(isinstance(bad.note, Problem) for bad in notes)
        return Batch(rows, notes, lines + problems)


def add_item(item: Line | Problem, cells: Sequence[str], rows: list[Row], notes: list[Bad]) -> None:
    """Put a line that was read by itself to the rows, one for each id, or to the notes."""
    if isinstance(item, Problem):
        notes.append(Bad(item, cells))
        return
    ids = item.lo_root_ids or ("",)
    shared = (item.user_code, item.last_name, item.email, item.status, item.class_name, item.date)
    marks = marks_of(SEPARATOR.join([*shared, lo_root_id]) for lo_root_id in ids)
    rows += [
        (
            item.address, item.number, item.user_code, item.last_name, item.surname_key,
            item.email, item.status, item.active, item.class_name, item.date, lo_root_id, mark,
        )
        for lo_root_id, mark in zip(ids, marks, strict=True)
    ]  # fmt: skip


def _number(row: Row) -> int:
    return row[1]


def as_text(rows: list[Row]) -> str:
    """Rows as text: a yes is 1, a no is 0."""
    if not rows:
        return ""
    columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
    for place in (LINE, MARK):
        columns[place] = map(str, columns[place])
    columns[ACTIVE] = ["1" if active else "0" for active in columns[ACTIVE]]
    return "\n".join(map(TAB.join, zip(*columns, strict=True))) + "\n"

"""Reads blocks of plain lines as tables: many lines at once, in a tenth of the time of one by one.

A block is plain where no quote and no control character is in it and no line is too wide. A line
of it with a cell that needs a second look is left to `columns.read_line`, which alone makes the
rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl
from polars import col

from app.core.roster.columns import CELL_LIMIT, COLUMNS, Line, Problem, Shape, surname_key
from app.core.roster.files import Bad, read_one
from app.core.roster.marks import SEPARATOR, marks_of
from app.core.roster.records import LINE_LIMIT

SCHEMA = {
    "address": pl.String, "line": pl.Int64, "user_code": pl.String, "last_name": pl.String,
    "surname_key": pl.String, "email": pl.String, "status": pl.String, "active": pl.Boolean,
    "class_name": pl.String, "date": pl.String, "lo_root_id": pl.String,
}  # fmt: skip
"""What is kept of a line and one LO Root ID."""

ROW_COLUMNS = (*SCHEMA, "mark")
"""What is stored of them in the tables of lines."""

MOST_KNOWN = 50_000
"""Surnames whose keys are remembered; then they are forgotten, to stay small in memory."""

_PLAIN_BYTES = bytes(range(0x20, 0x7F)) + b"\n"
_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
# Narrower than `addresses.canonical`, which is asked about everything else: what this matches is
# canonical in lower case, as a property test compares.
_ADDRESS = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z]{{2,}}$"
_RESERVED = r"\.(?:arpa|invalid|local|localhost|onion|test)$"
_LONGEST_PLAIN = 63
"""Bytes; what is no longer than a label may be (RFC 1035 §2.3.4) has none that is too long."""
# None, and the word for none that an earlier program wrote.
_NO_IDS = ["", "nan"]


class Table(NamedTuple):
    """The lines of a block as rows of `SCHEMA`, what is wrong or odd, and how many lines."""

    rows: pl.DataFrame
    notes: list[Bad]
    lines: int


def tabled(lines: Iterable[Line]) -> pl.DataFrame:
    """Lines as rows of `SCHEMA`: one for each LO Root ID, one for a line without any."""
    rows = [
        (
            line.address, line.number, line.user_code, line.last_name, line.surname_key,
            line.email, line.status, line.active, line.class_name, line.date, lo_root_id,
        )
        for line in lines
        for lo_root_id in line.lo_root_ids or ("",)
    ]  # fmt: skip
    return pl.DataFrame(rows, SCHEMA, orient="row")


def marked(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with their marks, by which lists are compared."""
    contents = rows.select(pl.concat_str(COLUMNS, separator=SEPARATOR).cast(pl.Binary))
    return rows.with_columns(
        mark=pl.Series(marks_of(contents.to_series().to_list()), dtype=pl.Int64)
    )


class PlainReader:
    """Reads the plain blocks of one file."""

    def __init__(self, shape: Shape, delimiter: str, encoding: str) -> None:
        self._shape = shape
        self._delimiter = delimiter
        self._encoding = encoding
        self._schema = {str(place): pl.String for place in range(shape.width)}
        self._keys: dict[str, str] = {}
        self._printable = _PLAIN_BYTES + delimiter.encode()

    def read(self, text: str, number: int) -> Table | None:
        """The lines of a block, the first of which is line `number`; None if it is not plain."""
        data = text.encode()
        if not text.endswith("\n") or not self._is_plain(data):
            return None
        try:
            cells = pl.read_csv(
                data, has_header=False, separator=self._delimiter, quote_char=None,
                schema=self._schema, empty_string_is_null=False, raise_if_empty=False,
            )  # fmt: skip
        except pl.exceptions.PolarsError:
            return None
        # Blank lines are left out by the library, and so the others would lose their numbers.
        if cells.height != text.count("\n"):
            return None
        return self._with_odd(self._cleaned(cells, text, number), text, number)

    def _is_plain(self, data: bytes) -> bool:
        if b'"' in data:
            return False
        beyond = data.translate(None, self._printable)
        # A Windows-1252 file may hold UTF-8, which is looked for cell by cell.
        return not beyond or (self._encoding != "cp1252" and beyond.decode().isprintable())

    def _cleaned(self, cells: pl.DataFrame, text: str, number: int) -> pl.DataFrame:
        """The seven columns trimmed, with what is derived of them, and whether a row is odd."""
        width = self._shape.width
        ours = {
            name: col(str(place)).str.strip_chars(" ") if place < width else pl.lit("")
            for name, place in zip(COLUMNS, self._shape.places, strict=True)
        }
        numbers = pl.int_range(number, number + pl.len(), dtype=pl.Int64).alias("line")
        lowered = {
            "address": col("email").str.to_lowercase(),
            "state": col("status").str.to_lowercase(),
        }
        # As one query, it takes two thirds of the time.
        query = cells.lazy().select(numbers, **ours).with_columns(**lowered)
        # Where nothing is quoted, no cell holds the delimiter.
        odd = _is_odd({sign for sign in "';," if sign != self._delimiter and sign in text})
        rows = query.with_columns(active=col("state") == "active", odd=odd).collect()
        return rows.with_columns(surname_key=self._surname_keys(rows["last_name"]))

    def _surname_keys(self, names: pl.Series) -> pl.Series:
        if len(self._keys) > MOST_KNOWN:
            self._keys.clear()
        distinct = names.unique().drop_nulls().to_list()
        keys = self._keys
        for name in distinct:
            if name not in keys:
                keys[name] = surname_key(name)
        found = [keys[name] for name in distinct]
        return names.replace_strict(distinct, found, default=None, return_dtype=pl.String)

    def _with_odd(self, rows: pl.DataFrame, text: str, number: int) -> Table:
        """Put the lines with a cell that needed a second look, each read by itself, to the rest."""
        odd = rows["odd"]
        if not odd.any():
            return Table(rows.select(*SCHEMA), [], rows.height)
        texts = text.split("\n")
        notes: list[Bad] = []
        good: list[Line] = []
        for place in odd.arg_true():
            cells = texts[place].split(self._delimiter)
            if "".join(cells).strip() or len(texts[place]) > LINE_LIMIT:
                read_one(number + place, cells, self._shape, self._encoding, good, notes)
        plain = rows.filter(~odd).select(*SCHEMA)
        problems = sum(isinstance(bad.note, Problem) for bad in notes)
        both = pl.concat([plain, tabled(good)]).sort("line", maintain_order=True)
        return Table(both, notes, plain.height + len(good) + problems)


def _is_odd(signs: set[str]) -> pl.Expr:
    """Whether a row has a cell that needs a second look, or lacks one; several ids are odd too.

    `signs` are those of a cell that stand somewhere in the block: no others are looked for.
    """
    ours, email, lo_root_id, state = col(COLUMNS), *map(col, ("email", "lo_root_id", "state"))
    several = [lo_root_id.str.contains(each, literal=True) for each in sorted(signs & {";", ","})]
    return pl.any_horizontal(
        ours.is_null(),
        *([ours.str.starts_with("'")] if "'" in signs else []),
        *several,
        ours.str.len_bytes() > CELL_LIMIT,
        col("last_name") == "",
        ~email.str.contains(_ADDRESS),
        email.str.len_bytes() > _LONGEST_PLAIN,
        col("address").str.contains(_RESERVED),
        (state != "active") & (state != "inactive"),
        lo_root_id.is_in(_NO_IDS),
    ).fill_null(value=True)

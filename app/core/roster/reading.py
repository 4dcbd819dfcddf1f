"""Reads a whole list aside: a row for each person of it, and all its lines packed on a disk.

No transaction is open meanwhile. A million lines take about 100 MB of memory and 5 of disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

import polars as pl
from polars import col

from app.core.roster.ahead import ahead
from app.core.roster.columns import COLUMNS, TWO_NAMES, Problem, Remark, Shape
from app.core.roster.files import Bad, Lines, RosterFile
from app.core.roster.packs import PEOPLE, joined, packed, people_of, unpacked
from app.core.roster.plain import PlainReader, Table, marked, tabled

KEPT_CELLS = 4_000
"""Characters of a problem line that are kept, so that it can be mended."""

PACKED = 25_000
"""Rows that are packed together at least."""

MOST_APART = 400_000
"""Rows of people that are kept before those of the same person are put together."""

_SIZE = 4
"""Bytes before each pack of the spool, which say how long it is."""

Note = tuple[int, str, str, str | None, bool, list[str] | None]
"""Line, column, reason, address, whether it is a remark, the cells of the line."""


@dataclass
class Reading:
    """What a file holds."""

    spool: IO[bytes]
    is_marked: bool
    """Whether its people have marks, by which they can be compared with the list in force."""
    lines: int = 0
    people: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Who stands in it, as `PEOPLE`, but for people with two names, and for what tells that."""
    sample: str | None = None
    notes: list[Note] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    """Addresses of problem lines."""
    two_names: list[str] = field(default_factory=list)
    _held: list[pl.DataFrame] = field(default_factory=list)
    _parts: list[bytes] = field(default_factory=list)
    """Who stands in which pack, packed too: small in memory as long as there are many."""
    _rows: int = 0
    """Rows of the parts that were not put together yet."""
    _most: int = MOST_APART
    _spelt: list[pl.Series] = field(default_factory=list)
    """Addresses that are written in another way somewhere."""

    def packs(self) -> Iterator[bytes]:
        """All rows, packed, but for those of people with two names."""
        if not self.two_names:
            yield from self._packs()
            return
        for rows in self.tables():
            yield packed(rows)

    def tables(self) -> Iterator[pl.DataFrame]:
        """The same as tables."""
        for pack in self._packs():
            rows = unpacked(pack)
            yield rows.filter(~col("address").is_in(self.two_names)) if self.two_names else rows

    def take(self, tables: list[Table]) -> None:
        """Count the lines of some blocks in, and pack them once they are enough."""
        for table in tables:
            self.lines += table.lines
            notes = [*map(_note, table.notes)]
            self.notes += notes
            self.kept.update(note[3] for note in notes if note[3] and not note[4])
            if table.rows.height:
                self._held.append(table.rows)
                self.sample = self.sample or _odd_name(table.rows["last_name"])
        if _rows(self._held) >= PACKED:
            self._pack()

    def settle(self, shape: Shape) -> None:
        """End the reading of a file of this shape.

        The lines of people with two names become problems, and other spellings are remarked.
        """
        self._pack(last=True)
        self.people = self._together()
        self._parts = []
        wrong = self.people.filter("two_names")["address"].to_list()
        for rows in self.tables() if wrong else ():
            theirs = rows.filter(col("address").is_in(wrong)).select("address", "line", *COLUMNS)
            # A line with several ids is several rows.
            lines = theirs.group_by("address", "line", *COLUMNS[:-1], maintain_order=True)
            self.notes += [
                (line, "last_name", TWO_NAMES, address, False, _original(cells, shape))
                for address, line, *cells in lines.agg(col(COLUMNS[-1]).str.join(";")).iter_rows()
            ]
        self._remark_spellings()
        if wrong:
            self.two_names = wrong
            self.kept.update(wrong)
            self.people = self.people.filter(~col("two_names"))
        self.people = self.people.drop("surname_key", "two_names")

    def _packs(self) -> Iterator[bytes]:
        self.spool.seek(0)
        while size := self.spool.read(_SIZE):
            yield self.spool.read(int.from_bytes(size))

    def _pack(self, *, last: bool = False) -> None:
        """Put the rows in hand on the disk, and keep who is in them."""
        if not self._held:
            return
        rows = pl.concat(self._held)
        self._held = []
        if not last:
            # Lines of one person mostly stand together: they are not parted without need.
            theirs = rows["address"] == rows["address"][-1]
            self._held = [rows.filter(theirs)]
            rows = rows.filter(~theirs)
        data = packed(rows)
        people = people_of(marked(rows) if self.is_marked else rows)
        self.spool.write(len(data).to_bytes(_SIZE) + data)
        self._parts.append(packed(people))
        if (spelt := rows.filter(col("email") != col("address"))["address"]).len():
            self._spelt.append(spelt.unique())
        self._rows += people.height
        if self._rows > self._most:
            # Lines of one person may stand far apart: what is kept must not grow with the lines.
            together = self._together()
            self._parts, self._rows = [packed(together)], 0
            self._most = max(MOST_APART, together.height)

    def _together(self) -> pl.DataFrame:
        """Who stands in the parts, each once."""
        empty: dict[str, type[pl.DataType]] = dict(PEOPLE)
        if self.is_marked:
            empty["mark"] = pl.Int64
        return joined(pl.concat([pl.DataFrame(schema=empty), *map(unpacked, self._parts)]))

    def _remark_spellings(self) -> None:
        """Remark where an address stands in a second spelling first."""
        if not self._spelt:
            return
        whose = pl.concat(self._spelt).unique()
        first = col("line").min()
        theirs = col("address").is_in(whose.implode())
        found = [
            rows.filter(theirs).group_by("address", "email").agg(first) for rows in self.tables()
        ]
        spellings = pl.concat(found).group_by("address", "email").agg(first)
        spellings = spellings.sort("address", "line").with_columns(
            former=col("email").first().over("address")
        )
        second = spellings.group_by("address", maintain_order=True).agg(
            pl.all().slice(1, 1).first()
        )
        for address, _, line, former in second.drop_nulls().iter_rows():
            reason = f"The same address also stands here as “{former}”; they are one person."
            self.notes.append((line, "email", reason, address, True, None))


def read_aside(
    file: RosterFile,
    spool: IO[bytes],
    *,
    marks: bool,
    report: Callable[[int, int], None] | None = None,
) -> Reading:
    """Read a file to its end; its rows go to `spool`, an empty file that stays open.

    `marks` says that there is a list in force to compare them with; `report` is told the bytes and
    lines read. Raises FileRefused for what spoils the whole file.
    """
    reading = Reading(spool, is_marked=marks)
    plain = PlainReader(file.shape, file.delimiter, file.encoding)
    # What was read is packed while the next lines are read, which takes about as long.
    for tables in ahead(_tables(file, plain)):
        reading.take(tables)
        if report:
            report(file.bytes_read, reading.lines)
    reading.settle(file.shape)
    return reading


def _tables(file: RosterFile, plain: PlainReader) -> Iterator[list[Table]]:
    """The blocks of a file, as many together as are packed together."""
    together: list[Table] = []
    for found in file.batches(plain.read):
        if isinstance(found, Lines):
            found = Table(tabled(found.good), found.notes, found.number)
        together.append(found)
        if _rows(table.rows for table in together) >= PACKED:
            yield together
            together = []
    yield together


def _rows(tables: Iterable[pl.DataFrame]) -> int:
    return sum(table.height for table in tables)


def _odd_name(names: pl.Series) -> str | None:
    """The first name that is more than ASCII."""
    odd = names.filter(names.str.len_bytes() > names.str.len_chars())
    return str(odd[0]) if odd.len() else None


def _note(bad: Bad) -> Note:
    note, cells = bad
    is_remark = isinstance(note, Remark)
    address = note.address if isinstance(note, Problem) else None
    kept = None if is_remark or sum(map(len, cells)) > KEPT_CELLS else [*cells]
    return note.number, note.column, note.reason, address, is_remark, kept


def _original(ours: list[str], shape: Shape) -> list[str]:
    """The cells of a row where they stood in the file; columns that are not ours stay empty."""
    cells = [""] * shape.width
    for place, cell in zip(shape.places, ours, strict=True):
        if place < shape.width:
            cells[place] = cell
    return cells

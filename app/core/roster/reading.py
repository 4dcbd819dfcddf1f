"""Reads a whole list aside: who stands in it, by one number each, and its rows on a disk.

No transaction is open meanwhile. A million lines take about 100 MB of memory and 200 of disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

from app.core.errors import N_
from app.core.roster.columns import COLUMNS, Problem, Remark, surname_key
from app.core.roster.files import RosterFile
from app.core.roster.plain import TAB, Bad, Row, as_text

TWO_NAMES = N_("This address stands with two last names; neither is applied.")

ACTIVE_BITS = 20
"""Bits that count a person's active lines; the sum of the marks stands above them."""

ACTIVE = (1 << ACTIVE_BITS) - 1
_SIZE = 4
"""Bytes before each batch of the spool, which say how long it is."""

KEPT_CELLS = 4_000
"""Characters of a problem line that are kept, so that it can be mended."""

Note = tuple[int, str, str, str | None, bool, list[str] | None]
"""Line, column, reason, address, whether it is a remark, the cells of the line."""


@dataclass
class Reading:
    """What a file holds. `people` has the sum of the marks and the count of active lines."""

    spool: IO[bytes]
    lines: int = 0
    people: dict[str, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    sample: str | None = None
    notes: list[Note] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    """Addresses of problem lines."""
    two_names: set[str] = field(default_factory=set)
    _spelt: dict[str, str] = field(default_factory=dict)

    def texts(self) -> Iterator[str]:
        """All rows as text, in batches, but for those of people with two names."""
        for text in self._spooled():
            if not self.two_names:
                yield text
                continue
            lines = (f"{line}\n" for line in text.split("\n")[:-1])
            yield "".join(line for line in lines if line.split(TAB, 1)[0] not in self.two_names)

    def _spooled(self) -> Iterator[str]:
        self.spool.seek(0)
        while size := self.spool.read(_SIZE):
            yield self.spool.read(int.from_bytes(size)).decode()

    def take(self, rows: list[Row], notes: list[Bad]) -> None:
        """Count the rows and notes of a batch in."""
        people, names = self.people, self.names
        for address, number, _, name, key, email, _, active, _, _, _, mark in rows:
            packed = mark << ACTIVE_BITS | active
            known = people.get(address)
            if email is not address and email != address:
                self._note_spelling(number, email, address, known is not None)
            elif address in self._spelt:
                self._note_spelling(number, email, address, False)
            if known is None:
                people[address] = packed
                names[address] = name
                continue
            people[address] = known + packed
            if names[address] != name and surname_key(names[address]) != key:
                self.two_names.add(address)
        self.notes += [_note(bad) for bad in notes]
        self.kept.update(note[3] for note in map(_note, notes) if note[3] and not note[4])

    def settle(self, places: list[int]) -> None:
        """Make the lines of people with two names problems; `places` are those of our columns."""
        if not self.two_names:
            return
        for text in self._spooled():
            rows = [line.split(TAB) for line in text.split("\n")[:-1]]
            self.notes += [
                (int(row[1]), "last_name", TWO_NAMES, row[0], False, _original(row, places))
                for row in rows
                if row[0] in self.two_names
            ]
        # A line with several ids is several rows.
        self.notes = list({(note[0], note[2]): note for note in self.notes}.values())
        for address in self.two_names:
            del self.people[address]
        self.kept |= self.two_names

    def _note_spelling(self, number: int, email: str, address: str, was_plain: bool) -> None:
        former = self._spelt.setdefault(address, address if was_plain else email)
        if former != email and former:
            reason = f"The same address also stands here as “{former}”; they are one person."
            self.notes.append((number, "email", reason, address, True, None))
            self._spelt[address] = ""  # Said once.


def read_aside(
    file: RosterFile, spool: IO[bytes], report: Callable[[int, int], None] | None = None
) -> Reading:
    """Read a file to its end; its rows go to `spool`, an empty file that stays open.

    `report` is told the bytes and lines read. Raises FileRefused for what spoils the whole file.
    """
    reading = Reading(spool)
    for batch in file.batches():
        reading.lines += batch.lines
        reading.take(batch.rows, batch.notes)
        if reading.sample is None:
            reading.sample = next((row[3] for row in batch.rows if not row[3].isascii()), None)
        data = as_text(batch.rows).encode()
        spool.write(len(data).to_bytes(_SIZE) + data)
        if report:
            report(file.bytes_read, reading.lines)
    reading.settle(list(file.shape.places))
    return reading


def _note(bad: Bad) -> Note:
    note, cells = bad
    is_remark = isinstance(note, Remark)
    address = note.address if isinstance(note, Problem) else None
    kept = None if is_remark or sum(map(len, cells)) > KEPT_CELLS else [*cells]
    return note.number, note.column, note.reason, address, is_remark, kept


def _original(row: list[str], places: list[int]) -> list[str]:
    """The cells of a row where they stood in the file; columns that are not ours stay empty."""
    cells = [""] * (1 + max(places))
    stored = (row[2], row[3], row[5], row[6], row[8], row[9], row[10])
    for place, cell in zip(places, stored, strict=True):
        cells[place] = cell
    assert len(stored) == len(COLUMNS)
    return cells

"""Reads a roster file, as a stream and in little memory: bytes in, lines and problems out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, NamedTuple, TypeVar

from app.core.errors import N_
from app.core.roster.columns import (
    COLUMN_LIMIT,
    HEADERLESS,
    FileRefused,
    Line,
    Problem,
    Remark,
    Shape,
    address_of,
    find_delimiter,
    holds_address,
    is_header,
    mapped,
    read_header,
    read_line,
    surname_key,
)
from app.core.roster.records import (
    PIECE,
    SAVE_AGAIN,
    Digest,
    Feed,
    Record,
    blocks_of,
    decoded,
    records_of,
)

__all__ = [
    "FileRefused",
    "Line",
    "Problem",
    "Remark",
    "RosterFile",
    "open_file",
    "surname_key",
]

_SAMPLE = 65_536
_UTF8_BOM = b"\xef\xbb\xbf"
ENCODINGS = {"utf-8": "utf-8", "utf8": "utf-8", "cp1252": "cp1252", "windows-1252": "cp1252"}

BATCH_LINES = 500
"""Lines that are read by themselves before they are handed on together."""

T = TypeVar("T")


class Bad(NamedTuple):
    """A problem or a remark, with the cells of its line as they stand in the file."""

    note: Problem | Remark
    cells: Sequence[str]


class Lines(NamedTuple):
    """Lines that were read one by one: the good ones, what is wrong or odd, and how many."""

    good: list[Line]
    notes: list[Bad]
    number: int


@dataclass
class RosterFile:
    """An opened file, to be read once: by line, or in batches, which is many times as fast.

    Iterating gives lines and problems in order, remarks after a line. Both ways raise FileRefused
    where they meet what spoils the whole file.
    """

    encoding: str
    delimiter: str
    shape: Shape
    first: list[str]
    """The cells of the first line: the header, where there is one."""
    _digest: Digest
    records_of: Iterator[Record]
    _feed: Feed
    mapping: Mapping[str, int] | None = None
    """Where somebody said that our columns stand; None where the file says it itself."""

    @property
    def headed(self) -> bool:
        """Whether the first line names the columns."""
        return self.shape.headed

    @property
    def sha256(self) -> str:
        """The hash of the whole file in hexadecimal, once it is read to its end."""
        return self._digest.hexdigest()

    @property
    def bytes_read(self) -> int:
        """How far the file is read."""
        return self._digest.size

    def __iter__(self) -> Iterator[Line | Problem | Remark]:
        return _items(self.records_of, self.shape, self.encoding)

    def batches(self, read: Callable[[str, int], T | None]) -> Iterator[T | Lines]:
        """All lines: plain blocks as `read` takes them, and the others read one by one.

        `read` is given a text and the number of its first line; None says that it is not plain.
        """
        while True:
            yield from self._by_line()
            for text in self._feed.texts:
                found = read(text, self._feed.number + 1)
                if found is not None:
                    self._feed.number += text.count("\n")
                    yield found
                elif len(text) > 2 * PIECE and "\n" in text[:-1]:
                    self._feed.break_up(text)
                    break
                else:
                    self._feed.take(text)
                    break
            else:
                return

    def _by_line(self) -> Iterator[Lines]:
        """Read line by line, until no record reaches beyond the block in hand."""
        lines = Lines([], [], 0)
        while not self._feed.at_an_end and (record := next(self.records_of, None)):
            self._feed.held = False
            _take_record(record, self.shape, self.encoding, lines)
            lines = lines._replace(number=lines.number + 1)
            if lines.number == BATCH_LINES:
                yield lines
                lines = Lines([], [], 0)
        if lines.number:
            yield lines


def open_file(
    stream: BinaryIO,
    *,
    encoding: str | None = None,
    mapping: Mapping[str, int] | None = None,
    headed: bool | None = None,
    find: Callable[[list[str]], Mapping[str, int] | None] | None = None,
) -> RosterFile:
    """Find out encoding, delimiter and header of a roster and return it, ready to be read.

    `stream` needs only `read`. Without `encoding` the file must be UTF-8, with or without a byte
    order mark; "cp1252" (or "windows-1252") reads it as that, unless the mark says otherwise.
    `mapping` says where our columns stand, whatever they are called, and `headed` whether the
    first line names them; or else `find` says it by the cells of the first line. Raises
    FileRefused for what is no roster at all: other encodings, no line, a wrong header.
    """
    digest = Digest()
    blocks = blocks_of(stream, digest)
    start = next(blocks, b"")
    decided = _decide_encoding(start, encoding)
    texts = decoded(chain([start.removeprefix(_UTF8_BOM)], blocks), decided)
    sample = next(texts)
    delimiter = find_delimiter(sample[:_SAMPLE])
    feed = Feed(texts)
    feed.take(sample)
    records = records_of(feed, delimiter)
    first = next(records, None)
    if first is None:
        raise FileRefused(N_("The file is empty."))
    if find is not None:
        mapping = find(first.cells)
    shape = _shape(first, mapping, headed)
    second = next(records, None) if shape.headed else first
    if second is None:
        raise FileRefused(N_("The file has a header and no line below it."))
    records = chain([second], records)
    feed.held = True  # The record in hand belongs to the block, even where the block is done.
    return RosterFile(decided, delimiter, shape, first.cells, digest, records, feed, mapping)


def _shape(first: Record, mapping: Mapping[str, int] | None, headed: bool | None) -> Shape:
    if len(first.cells) > COLUMN_LIMIT:
        raise FileRefused(f"The file has more than {COLUMN_LIMIT} columns.", first.number)
    if mapping is not None:
        if headed is None:
            headed = not first.fault and not holds_address(first.cells)
        return mapped(mapping, len(first.cells), headed=headed)
    if first.fault or not is_header(first.cells):
        return HEADERLESS
    return read_header(first.cells, first.number)


def _decide_encoding(start: bytes, asked: str | None) -> str:
    """Apply the fixed ladder: byte order mark, then UTF-8 unless the caller said cp1252."""
    if start.startswith(_UTF8_BOM):
        return "utf-8"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileRefused(SAVE_AGAIN, 1)
    try:
        return ENCODINGS[(asked or "utf-8").strip().lower()]
    except KeyError:
        raise FileRefused(f"A roster cannot be read as “{asked}”: utf-8 or cp1252.") from None


def _items(
    records: Iterator[Record], shape: Shape, encoding: str
) -> Iterator[Line | Problem | Remark]:
    remarks: list[Remark] = []
    for number, cells, fault in records:
        if fault:
            yield Problem(number, "", fault, address_of(cells, shape))
            continue
        yield read_line(number, cells, shape, encoding, remarks)
        if remarks:
            yield from remarks
            remarks.clear()


def _take_record(record: Record, shape: Shape, encoding: str, lines: Lines) -> None:
    number, cells, fault = record
    if fault:
        lines.notes.append(Bad(Problem(number, "", fault, address_of(cells, shape)), cells))
    else:
        read_one(number, cells, shape, encoding, lines.good, lines.notes)


def read_one(
    number: int,
    cells: list[str],
    shape: Shape,
    encoding: str,
    good: list[Line],
    notes: list[Bad],
) -> None:
    """Read one line by itself, to the good lines or to the notes."""
    remarks: list[Remark] = []
    item = read_line(number, cells, shape, encoding, remarks)
    if isinstance(item, Problem):
        notes.append(Bad(item, cells))
    else:
        good.append(item)
    notes += [Bad(remark, cells) for remark in remarks]

"""Reads a roster file, as a stream and in little memory: bytes in, lines and problems out.

Longer than most modules: each limit stands beside the step of the reading that it guards.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, NamedTuple

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
from app.core.roster.plain import Bad, Batch, PlainReader, Row, add_item

__all__ = [
    "FileRefused",
    "Line",
    "Problem",
    "Remark",
    "RosterFile",
    "open_file",
    "surname_key",
]

LINE_LIMIT = 65_536
"""Characters of one physical line, and of one record that quotes spread over several lines."""
RECORD_LINES = 100
"""Physical lines of one record; a quote still open after them was never meant to be one."""
OPEN_QUOTES = 100
"""So many quotes may stay open; from then on no record goes beyond its line.

Each was looked for in up to RECORD_LINES lines, and a file of nothing else must not cost that much.
"""
_CHUNK = 32_768
_SAMPLE = 65_536
# Four bytes are the most that UTF-8 needs for a character, so more bytes are too many characters.
_LINE_BYTES = 4 * LINE_LIMIT
# Stands for a line that was too long to keep. A file with a NUL of its own is refused.
_TOO_LONG = "\0"
_UTF8_BOM = b"\xef\xbb\xbf"
ENCODINGS = {"utf-8": "utf-8", "utf8": "utf-8", "cp1252": "cp1252", "windows-1252": "cp1252"}
SAVE_AGAIN = N_("This is no UTF-8 text. Save it as CSV UTF-8 in your spreadsheet and use that.")


BATCH_LINES = 500
"""Lines that are read by themselves before they are handed on together."""


class _Digest:
    """The hash and the number of the bytes that were read."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def update(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class _Record(NamedTuple):
    """One CSV record: the line it starts in, its cells, and what is wrong with it as CSV."""

    number: int
    cells: list[str]
    fault: str = ""


class _LineTooLong(Exception):
    """The next physical line is beyond LINE_LIMIT."""


@dataclass
class RosterFile:
    """An opened file, to be read once: by line, or in batches, which is three times as fast.

    Iterating gives lines and problems in order, remarks after a line. Both ways raise FileRefused
    where they meet what spoils the whole file.
    """

    encoding: str
    delimiter: str
    shape: Shape
    first: list[str]
    """The cells of the first line: the header, where there is one."""
    _digest: _Digest
    _records: Iterator[_Record]
    _feed: _Feed

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
        return _items(self._records, self.shape, self.encoding)

    def batches(self) -> Iterator[Batch]:
        """All lines: those of plain blocks together, the others as they were read by line."""
        plain = PlainReader(self.shape, self.delimiter, self.encoding)
        while True:
            yield from self._by_line()
            text = next(self._feed.texts, None)
            while text is not None and (batch := plain.read(text, self._feed.number + 1)):
                self._feed.number += text.count("\n")
                yield batch
                text = next(self._feed.texts, None)
            if text is None:
                return
            self._feed.take(text)

    def _by_line(self) -> Iterator[Batch]:
        """Read line by line, until no record reaches beyond the block in hand."""
        rows: list[Row] = []
        notes: list[Bad] = []
        count = 0
        while not self._feed.at_an_end and (record := next(self._records, None)):
            self._feed.held = False
            _take_record(record, self.shape, self.encoding, rows, notes)
            count += 1
            if count == BATCH_LINES:
                yield Batch(rows, notes, count)
                rows, notes, count = [], [], 0
        if count:
            yield Batch(rows, notes, count)


def open_file(
    stream: BinaryIO,
    *,
    encoding: str | None = None,
    mapping: Mapping[str, int] | None = None,
    headed: bool | None = None,
) -> RosterFile:
    """Find out encoding, delimiter and header of a roster and return it, ready to be read.

    `stream` needs only `read`. Without `encoding` the file must be UTF-8, with or without a byte
    order mark; "cp1252" (or "windows-1252") reads it as that, unless the mark says otherwise.
    `mapping` says where our columns stand, whatever they are called, and `headed` whether the
    first line names them. Raises FileRefused for what
    is no roster at all: other encodings, no line, a wrong header.
    """
    digest = _Digest()
    blocks = _blocks(stream, digest)
    start = next(blocks, b"")
    decided = _decide_encoding(start, encoding)
    texts = _decoded(chain([start.removeprefix(_UTF8_BOM)], blocks), decided)
    sample = next(texts)
    delimiter = find_delimiter(sample[:_SAMPLE])
    feed = _Feed(texts)
    feed.take(sample)
    records = _records(feed, delimiter)
    first = next(records, None)
    if first is None:
        raise FileRefused(N_("The file is empty."))
    if len(first.cells) > COLUMN_LIMIT:
        raise FileRefused(f"The file has more than {COLUMN_LIMIT} columns.", first.number)
    shape = _shape(first, mapping, headed)
    second = next(records, None) if shape.headed else first
    if second is None:
        raise FileRefused(N_("The file has a header and no line below it."))
    records = chain([second], records)
    feed.held = True  # The record in hand belongs to the block, even where the block is done.
    return RosterFile(decided, delimiter, shape, first.cells, digest, records, feed)


def _shape(first: _Record, mapping: Mapping[str, int] | None, headed: bool | None) -> Shape:
    if mapping is not None:
        if headed is None:
            headed = not first.fault and not holds_address(first.cells)
        return mapped(mapping, len(first.cells), headed=headed)
    if first.fault or not is_header(first.cells):
        return HEADERLESS
    return read_header(first.cells)


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


def _blocks(stream: BinaryIO, digest: _Digest) -> Iterator[bytes]:
    """Give the bytes in blocks of whole lines, too long lines as _TOO_LONG.

    Raises FileRefused for a NUL, which is in UTF-16 and in spreadsheets but in no CSV.
    """
    held = b""
    skipping = False
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        if b"\0" in chunk:
            raise FileRefused(SAVE_AGAIN)
        if skipping:
            ends = [place for place in (chunk.find(b"\n"), chunk.find(b"\r")) if place >= 0]
            if not ends:
                continue
            chunk = chunk[min(ends) :]
            skipping = False
        block = held + chunk
        # A carriage return at the very end may be the first half of a line end.
        end = 1 + max(block.rfind(b"\n"), block.rfind(b"\r", 0, len(block) - 1))
        if end:
            yield block[:end]
        held = block[end:]
        if len(held) > _LINE_BYTES:
            held = _TOO_LONG.encode()
            skipping = True
    yield held


def _decoded(blocks: Iterator[bytes], encoding: str) -> Iterator[str]:
    """Decode whole lines, all ending in a newline. Raises FileRefused at the first bad byte."""
    before = 0
    for block in blocks:
        try:
            text = _newlines(block.decode(encoding))
        except UnicodeDecodeError as error:
            good = _newlines(block[: error.start].decode(encoding))
            raise _undecodable(before + good.count("\n") + 1, encoding) from error
        before += text.count("\n")
        yield text


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _undecodable(line: int, encoding: str) -> FileRefused:
    if encoding == "cp1252":
        return FileRefused(f"Line {line} is not Windows-1252. Save the file as CSV UTF-8.", line)
    return FileRefused(
        f"Line {line} is not UTF-8. Save the file as CSV UTF-8,"
        " or say that it is Windows-1252 (encoding cp1252).",
        line,
    )


class _Feed:
    """Hands physical lines to the csv module, and can take back those of the record in hand."""

    def __init__(self, texts: Iterator[str]) -> None:
        self.texts = texts
        """The blocks that are not begun."""
        self.held = False
        """Whether a record of the block in hand was read and is still to be taken."""
        self._lines: Iterator[str] = iter(())
        self._left = 0
        self._again: list[str] = []
        self._most = RECORD_LINES
        self._open_quotes = 0
        self._size = 0
        self.record: list[str] = []
        self.number = 0

    def __iter__(self) -> _Feed:
        return self

    @property
    def at_an_end(self) -> bool:
        """Whether the block in hand is done, and no line of it was taken back."""
        return not (self._left or self._again or self.held)

    def take(self, text: str) -> None:
        """Go on with this block."""
        self._lines = iter(io.StringIO(text))
        self._left = text.count("\n") + (not text.endswith("\n") and text != "")

    def _next_line(self) -> str:
        while not self._left:
            self.take(next(self.texts))
        self._left -= 1
        return next(self._lines)

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._next_line()
        record = self.record
        record.append(line)
        self.number += 1
        self._size += len(line)
        if len(line) > LINE_LIMIT or line[0] == _TOO_LONG:
            raise _LineTooLong
        if len(record) > self._most or self._size > LINE_LIMIT:
            raise csv.Error("unexpected end of data")
        return line

    def settle(self) -> int:
        """End the record in hand and return the number of the line where it started."""
        start = self.number - len(self.record) + 1
        self.record.clear()
        self._size = 0
        return start

    def keep_first(self) -> str:
        """Take back all lines of the record in hand but the first, and return that one."""
        first, *rest = self.record
        self._again.extend(reversed(rest))
        self.number -= len(rest)
        self.record[:] = [first]
        if rest:
            self._open_quotes += 1
            self._most = RECORD_LINES if self._open_quotes < OPEN_QUOTES else 1
        return first


def _records(feed: _Feed, delimiter: str) -> Iterator[_Record]:
    """Give the records that are not blank. One that is broken ends with its first line.

    So an open quote costs one line, and the people below it are read as if it were not there.
    """
    reader = csv.reader(feed, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _LineTooLong) as error:
            yield _broken(feed, delimiter, error)
        else:
            number = feed.settle()
            if "".join(cells).strip():
                yield _Record(number, cells)


def _broken(feed: _Feed, delimiter: str, error: Exception) -> _Record:
    """Say what is wrong with the record in hand, and read what can be read of its first line."""
    in_one_line = len(feed.record) == 1
    line = feed.keep_first()
    number = feed.settle()
    if in_one_line and isinstance(error, _LineTooLong):
        return _Record(number, [], f"The line is longer than {LINE_LIMIT:,} characters.")
    # With its quotes away, an address behind the open one can still be found.
    cells = line.replace('"', "").split(delimiter)
    if in_one_line and not str(error).startswith("unexpected end"):
        return _Record(number, cells, N_("There is text behind a closing quote."))
    return _Record(number, cells, f"A quote is opened in line {number} and not closed.")


def _items(
    records: Iterator[_Record], shape: Shape, encoding: str
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


def _take_record(
    record: _Record, shape: Shape, encoding: str, rows: list[Row], notes: list[Bad]
) -> None:
    remarks: list[Remark] = []
    number, cells, fault = record
    item: Line | Problem
    if fault:
        item = Problem(number, "", fault, address_of(cells, shape))
    else:
        item = read_line(number, cells, shape, encoding, remarks)
    add_item(item, cells, rows, notes)
    notes += [Bad(remark, cells) for remark in remarks]

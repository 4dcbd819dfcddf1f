"""Takes a roster file apart into CSV records: blocks of whole lines, decoded, then their cells.

Each limit of what a hostile file may cost stands here.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from itertools import chain, repeat
from typing import BinaryIO, NamedTuple

from app.core.errors import N_
from app.core.roster.columns import FileRefused

LINE_LIMIT = 65_536
"""Characters of one physical line, and of one record that quotes spread over several lines."""
RECORD_LINES = 100
"""Physical lines of one record; a quote still open after them was never meant to be one."""
OPEN_QUOTES = 100
"""So many quotes may stay open; from then on no record goes beyond its line.

Each was looked for in up to RECORD_LINES lines, and a file of nothing else must not cost that much.
"""
_CHUNK = 1 << 20
PIECE = 32_768
"""Characters of a block that are tried by themselves where the whole of it is not plain."""
# Four bytes are the most that UTF-8 needs for a character, so more bytes are too many characters.
_LINE_BYTES = 4 * LINE_LIMIT
# Stands for a line that was too long to keep. A file with a NUL of its own is refused.
_TOO_LONG = "\0"
SAVE_AGAIN = N_("This is no UTF-8 text. Save it as CSV UTF-8 in your spreadsheet and use that.")


class Digest:
    """The hash and the number of the bytes that were read."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def update(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class Record(NamedTuple):
    """One CSV record: the line it starts in, its cells, and what is wrong with it as CSV."""

    number: int
    cells: list[str]
    fault: str = ""


class _HoldsNul(FileRefused):
    """A NUL, in a line that is counted from the end of the last block."""


class _LineTooLong(Exception):
    """The next physical line is beyond LINE_LIMIT."""


def blocks_of(stream: BinaryIO, digest: Digest) -> Iterator[bytes]:
    """Give the bytes in blocks of whole lines, too long lines as _TOO_LONG.

    Raises FileRefused for a NUL, which is in UTF-16 and in spreadsheets but in no CSV.
    """
    held = b""
    skipping = False
    # The first block is small, as it is looked at line by line for what kind of file this is.
    for size in chain([PIECE], repeat(_CHUNK)):
        if not (chunk := stream.read(size)):
            break
        digest.update(chunk)
        if b"\0" in chunk:
            raise _HoldsNul(SAVE_AGAIN, 1 + line_ends(held + chunk[: chunk.index(b"\0")]))
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


def decoded(blocks: Iterator[bytes], encoding: str) -> Iterator[str]:
    """Decode whole lines, all ending in a newline. Raises FileRefused at the first bad byte."""
    before = 0
    try:
        for block in blocks:
            try:
                text = _newlines(block.decode(encoding))
            except UnicodeDecodeError as error:
                good = _newlines(block[: error.start].decode(encoding))
                raise _undecodable(before + good.count("\n") + 1, encoding) from error
            before += text.count("\n")
            yield text
    except _HoldsNul as nul:
        raise FileRefused(SAVE_AGAIN, before + (nul.line or 1)) from None


def line_ends(data: bytes) -> int:
    """How many lines end in these bytes, each of them with LF, CR or both."""
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


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


class Feed:
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

    def __iter__(self) -> Feed:
        return self

    @property
    def at_an_end(self) -> bool:
        """Whether the block in hand is done, and no line of it was taken back."""
        return not (self._left or self._again or self.held)

    def take(self, text: str) -> None:
        """Go on with this block."""
        self._lines = iter(io.StringIO(text))
        self._left = text.count("\n") + (not text.endswith("\n") and text != "")

    def break_up(self, text: str) -> None:
        """Put a block back in small pieces, of which most may be plain."""
        self.texts = chain(_pieces(text), self.texts)

    def _next_line(self) -> str:
        while not self._left:
            text = next(self.texts)
            if len(text) > 2 * PIECE:
                self.break_up(text)
                text = next(self.texts)
            self.take(text)
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


def _pieces(text: str) -> Iterator[str]:
    """A text of whole lines in pieces of whole lines."""
    start = 0
    while start < len(text):
        end = text.rfind("\n", start, start + PIECE) + 1 or text.find("\n", start) + 1
        yield text[start : end or len(text)]
        start = end or len(text)


def records_of(feed: Feed, delimiter: str) -> Iterator[Record]:
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
                yield Record(number, cells)


def _broken(feed: Feed, delimiter: str, error: Exception) -> Record:
    """Say what is wrong with the record in hand, and read what can be read of its first line."""
    in_one_line = len(feed.record) == 1
    line = feed.keep_first()
    number = feed.settle()
    if in_one_line and isinstance(error, _LineTooLong):
        return Record(number, [], f"The line is longer than {LINE_LIMIT:,} characters.")
    # With its quotes away, an address behind the open one can still be found.
    cells = line.replace('"', "").split(delimiter)
    if in_one_line and not str(error).startswith("unexpected end"):
        return Record(number, cells, N_("There is text behind a closing quote."))
    return Record(number, cells, f"A quote is opened in line {number} and not closed.")

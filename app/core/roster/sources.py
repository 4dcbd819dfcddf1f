"""Where a list is read from: a stream or a kept file, as CSV whatever it was."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, BinaryIO, cast

from app.core.roster import sheets


class _Ahead:
    """A stream of which the first bytes were read already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head, b""
        return head + self._stream.read(size - len(head) if size >= 0 else size)


@contextmanager
def readable(stream: BinaryIO, *, rows: int | None = None) -> Iterator[tuple[BinaryIO, str | None]]:
    """A stream as CSV; the hash of what it was where it was no CSV.

    Of a workbook `rows` are read, or all of them.
    """
    head = stream.read(len(sheets.ZIP))
    ahead = cast(BinaryIO, _Ahead(head, stream))
    if not sheets.is_sheet(head):
        yield ahead, None
        return
    with TemporaryFile() as book:
        shutil.copyfileobj(ahead, book)
        book.seek(0)
        digest = hashlib.file_digest(cast(io.BytesIO, book), "sha256").hexdigest()
        with sheets.to_csv(book, rows) as data:
            yield cast(BinaryIO, data), digest


@contextmanager
def as_csv(data: IO[bytes]) -> Iterator[IO[bytes]]:
    """A file from its start, as CSV if it is a workbook."""
    head = data.read(len(sheets.ZIP))
    data.seek(0)
    if not sheets.is_sheet(head):
        yield data
        return
    with sheets.to_csv(data) as converted:
        yield converted

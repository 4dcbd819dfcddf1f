"""Uploaded lists: looked at when they come, and kept in parts until their import is settled."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.errors import FileGone
from app.core.roster import sheets
from app.core.roster.files import FileRefused
from app.core.roster.looking import Opening, look
from app.core.roster.mapping import PROBLEM_COLUMNS, remembered_mapping
from app.core.roster.records import SAVE_AGAIN, line_ends
from app.models.rosters import ImportState, ListInForce, Mode, RosterImport, RosterUpload

PART = 1 << 20
"""Bytes of one part of a file."""

SHOWN_VALUES = 3
SHOWN_ROWS = 50


def receive(
    db: Session,
    stream: BinaryIO,
    *,
    file_name: str,
    mode: str,
    encoding: str | None,
    mapping: Mapping[str, int] | None = None,
    by: int | None,
    origin: Origin,
) -> RosterImport:
    """Keep a file, look at its first lines, and guess what its columns are. The caller commits.

    How many bytes it may have is the caller's to limit. Raises FileRefused for what is no list.
    """
    started = RosterImport(
        state=ImportState.UPLOADED.value,
        file_name=readable(file_name),
        mode=Mode(mode).value,
        sha256="",
        encoding="",
        delimiter=",",
        headed=False,
        created_at=clock.now(),
        created_by=by,
    )
    db.add(started)
    db.flush()
    kept = _keep(db, started.id, stream)
    started.sha256, started.size = kept.sha256, kept.size
    started.encoding = encoding or kept.encoding
    if sheets.is_sheet(kept.head):
        started.encoding = "utf-8"
        with fetched(db, started.id) as book, sheets.to_csv(book, rows=SHOWN_ROWS) as text:
            opening = look(text.read(), encoding="utf-8", odd_line=None, whole=True)
    else:
        whole = kept.size == len(kept.head)
        opening = look(kept.head, encoding=started.encoding, odd_line=kept.odd_line, whole=whole)
    _describe(db, started, opening, mapping)
    audit.record(
        db, Event.ROSTER_UPLOADED, origin, actor_id=by, import_id=started.id, sha256=kept.sha256
    )
    return started


def _describe(
    db: Session, started: RosterImport, opening: Opening, mapping: Mapping[str, int] | None
) -> None:
    header = opening.header
    started.delimiter, started.headed = opening.delimiter, bool(header)
    started.sample = opening.sample
    names = header or [""] * max(map(len, opening.rows))
    started.columns = [
        {
            "name": name[:200],
            "values": [row[place][:200] for row in opening.rows if place < len(row)][:SHOWN_VALUES],
        }
        for place, name in enumerate(names)
    ]
    known = mapping or remembered_mapping(db, header, opening.rows)
    started.mapping = dict(known or opening.mapping)
    if only_adds(header):
        started.mode = Mode.ADD.value


def only_adds(header: list[str]) -> bool:
    """Whether this is the header of problem lines: a mended part never replaces the whole list."""
    return set(PROBLEM_COLUMNS) <= {name.strip() for name in header}


def nothing_to_do(db: Session, sha256: str) -> RosterImport | None:
    """The import in force, where this very file made the list as it stands; None if not."""
    found = db.scalar(
        select(RosterImport).join(ListInForce, ListInForce.import_id == RosterImport.id)
    )
    same = found is not None and found.sha256 == sha256 and found.mode == Mode.REPLACE.value
    return found if same else None


@contextmanager
def fetched(db: Session, import_id: int) -> Iterator[IO[bytes]]:
    """The whole file of an import as a temporary one, from its start. Raises `FileGone`."""
    with TemporaryFile() as file:
        for data in _parts(db, import_id):
            file.write(data)
        if not file.tell():
            raise FileGone
        file.seek(0)
        yield file


def _parts(db: Session, import_id: int) -> Iterator[bytes]:
    """The parts of a file in order, one at a time in memory."""
    parts = (
        select(RosterUpload.data)
        .where(RosterUpload.import_id == import_id)
        .order_by(RosterUpload.part)
    )
    connection = db.connection()
    if connection.dialect.name != "postgresql":
        yield from db.scalars(parts.execution_options(yield_per=1))
        return
    # Unless it is asked for in binary, every byte comes as two letters, which takes three times
    # as long.
    driver = connection.connection.driver_connection
    assert driver is not None
    sql = str(parts.compile(connection, compile_kwargs={"literal_binds": True}))
    with driver.cursor() as cursor:
        for (data,) in cursor.stream(sql, binary=True):
            yield data


def readable(file_name: str) -> str:
    """A file's name as text that every database stores."""
    # A system names files in bytes that need not be text, and a program may send any.
    return file_name.encode("utf-8", "replace").decode().replace("\0", "?")[:255]


@dataclass
class _Kept:
    """What was learned of a file while it was kept."""

    head: bytes = b""
    size: int = 0
    odd_line: bytes | None = None
    encoding: str = "utf-8"
    lines: int = 0
    """How many lines ended so far; one that ends with the last byte may still be going on."""
    last: bytes = b""
    digest: Any = field(default_factory=hashlib.sha256)
    decoder: Any = field(default_factory=codecs.getincrementaldecoder("utf-8"))

    @property
    def sha256(self) -> str:
        return str(self.digest.hexdigest())

    def take(self, data: bytes) -> None:
        self.head = self.head or data
        self.size += len(data)
        self.digest.update(data)
        if sheets.is_sheet(self.head):
            return
        if b"\0" in data:
            before = self.lines + line_ends(self.last + data[: data.index(b"\0")])
            raise FileRefused(SAVE_AGAIN, 1 + before)
        # A carriage return at the very end may be the first half of a line end.
        self.lines += line_ends(self.last + data) - data.endswith(b"\r")
        self.last = b"\r" if data.endswith(b"\r") else b""
        if self.odd_line is None and not data.isascii():
            self.odd_line = _odd_line(data)
        if self.encoding == "utf-8":
            try:
                self.decoder.decode(data)
            except UnicodeDecodeError:
                # The third rung of the ladder; a person says whether the sample looks right.
                self.encoding = "cp1252"


def _keep(db: Session, import_id: int, stream: BinaryIO) -> _Kept:
    kept = _Kept()
    part = 0
    while data := stream.read(PART):
        kept.take(data)
        db.execute(insert(RosterUpload), {"import_id": import_id, "part": part, "data": data})
        part += 1
    return kept


def _odd_line(data: bytes) -> bytes | None:
    """The first line with a byte beyond ASCII, if all of it is there."""
    place = len(data) - len(data.lstrip(bytes(range(128))))
    start, end = data.rfind(b"\n", 0, place) + 1, data.find(b"\n", place)
    return data[start:end] if end > 0 else None

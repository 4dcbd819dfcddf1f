"""People from a file in the console: kept, shown line by line, and added at one yes.

What a file means and how its accounts are made stands in `enrolling`, as for the command; who is
to get a mail gets it as every invitation is sent, in the background and at the set rate.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, cast

from sqlalchemy import CursorResult, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import Origin
from app.core.desk import invitations
from app.core.desk.awaited import Scope
from app.core.desk.people import enrolling
from app.core.desk.people.bulk import OtherNumber
from app.core.desk.people.enrolling import AccountList, Person
from app.core.errors import N_, Refusal
from app.core.roster import sources, uploads
from app.core.roster.columns import TWO_NAMES
from app.core.roster.tidying import LEFT_LYING
from app.models.proposals import PeopleFile
from app.models.records import Job

MOST_ROWS = 5_000
"""Rows of a file that is shown line by line; the command takes more."""

MOST_BYTES = 2_000_000
"""Bytes of such a file, as CSV."""

ENCODINGS = ("utf-8", "cp1252")
"""What a file can be read as."""


class Fate(StrEnum):
    """What becomes of a line."""

    INACTIVE = "inactive"
    """Its person has no active line: no account is made."""
    MORE = "more"
    """A further line of somebody, with something odd about it."""
    NEW = "new"
    THERE = "there"
    WRONG = "wrong"


@dataclass(frozen=True)
class Row:
    """A line of the file, and what becomes of it; all lines of one person stand at the first.

    `reasons` are what is wrong or odd, in English that is to be translated.
    """

    number: int
    fate: Fate
    reasons: Sequence[str]
    person: Person | None = None


@dataclass(frozen=True)
class Preview:
    """A file as it would be added now: its rows by number, and how many there are of each fate."""

    file: PeopleFile
    rows: list[Row]
    counts: Counter[Fate]

    @property
    def new(self) -> int:
        """How many accounts would be made."""
        return self.counts[Fate.NEW]


class TooManyBytes(Refusal):
    """A file of more bytes than a page can show."""

    code = "too_many_bytes"
    status = 413
    words = N_("The file is larger than %(limit)s kB. Send it in parts.")


class NotWaiting(Refusal):
    """A file that was added, or put aside, or that a later one of the same admin replaced."""

    code = "people_file_gone"
    status = 409
    words = N_("This file no longer waits: it was added or put aside, or a later one came.")


class NobodyNew(Refusal):
    """A file with nobody in it who could be added."""

    code = "nobody_new"
    status = 409
    words = N_("Nobody in this file can be added: look at what is said about each line.")


def keep(
    db: Session, stream: BinaryIO, *, file_name: str, encoding: str | None, by: int
) -> PeopleFile:
    """Keep a file that can be read, CSV or a workbook, in place of an earlier one of this admin.

    `encoding` is one of `ENCODINGS`; anything else is UTF-8. The caller commits. Raises
    `FileRefused`, `TooManyRows` or `TooManyBytes`.
    """
    encoding = encoding if encoding in ENCODINGS else ENCODINGS[0]
    # Two more than are taken: the header, and the one that is too many.
    with sources.readable(stream, rows=MOST_ROWS + 2) as (text, book):
        data = text.read(MOST_BYTES + 1)
    encoding = ENCODINGS[0] if book else encoding
    if len(data) > MOST_BYTES:
        raise TooManyBytes(limit=f"{MOST_BYTES // 1000:,}")
    _read(data, encoding)
    make = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    values = {
        "file_name": uploads.readable(file_name), "encoding": encoding, "data": data,
        "created_at": clock.now(),
    }  # fmt: skip
    db.execute(delete(PeopleFile).where(PeopleFile.created_by == by))
    kept = (
        make(PeopleFile)
        .values(created_by=by, **values)
        # Of two that come at once the later one stays.
        .on_conflict_do_update(index_elements=[PeopleFile.created_by], set_=values)
        .returning(PeopleFile.id)
    )
    return db.get_one(PeopleFile, db.execute(kept).scalar_one(), populate_existing=True)


def get(db: Session, file_id: int, *, by: int) -> PeopleFile:
    """A file that this admin keeps. Raises `NotWaiting`, also for those of others."""
    found = db.get(PeopleFile, file_id, populate_existing=True)
    if found is None or found.created_by != by:
        raise NotWaiting
    return found


def preview(db: Session, file_id: int, *, by: int) -> Preview:
    """What would become of each line now; nothing happens yet. Raises `NotWaiting`."""
    file = get(db, file_id, by=by)
    found = _read(file.data, file.encoding)
    rows = _rows(found, enrolling.there(db, found))
    return Preview(file, rows, Counter(row.fate for row in rows))


def add(
    db: Session, file_id: int, *, typed: str, mail: bool, by: int, origin: Origin
) -> tuple[int, Job | None]:
    """Make the accounts of a file, once; how many, and the job that mails them a way in, if any.

    `typed` is the number that was shown, or typed. The caller commits. Raises `NotWaiting`,
    `NobodyNew`, or `OtherNumber` where another number of people would be added.
    """
    file = get(db, file_id, by=by)
    name, found = file.file_name, _read(file.data, file.encoding)
    # Of two who press at once one finds it.
    if not discard(db, file_id, by=by):
        raise NotWaiting
    made = enrolling.enrol(db, found, file_name=name, by=by, origin=origin)
    if not made.added:
        raise NobodyNew
    if "".join(each for each in typed if each.isdigit()) != str(made.added):
        raise OtherNumber(number=made.added)
    job = invite(db, made.ids, file_name=name, by=by, origin=origin) if mail else None
    return made.added, job


def invite(
    db: Session, ids: Sequence[int], *, file_name: str, by: int | None, origin: Origin
) -> Job:
    """Have those who were just added mailed a link to set their password. The caller commits."""
    # Whatever was mailed to an earlier account of theirs opens nothing any more.
    scope = Scope(chosen={}, ids=list(ids), again_after=0, file_name=file_name)
    return invitations.start(db, scope, by=by, origin=origin)


def discard(db: Session, file_id: int, *, by: int) -> bool:
    """Put a file aside, for good; False where it was gone. The caller commits."""
    whose = (PeopleFile.id == file_id, PeopleFile.created_by == by)
    gone = db.execute(delete(PeopleFile).where(*whose).execution_options(synchronize_session=False))
    return cast(CursorResult[object], gone).rowcount == 1


def tidy(db: Session) -> None:
    """Drop the files that nobody confirmed. The caller commits."""
    stale = clock.now() - LEFT_LYING
    db.execute(delete(PeopleFile).where(PeopleFile.created_at < stale))


def _read(data: bytes, encoding: str) -> AccountList:
    return enrolling.read(
        io.BytesIO(data), encoding=encoding, most=MOST_ROWS, most_warnings=2 * MOST_ROWS
    )


def _rows(found: AccountList, there: set[str]) -> list[Row]:
    reasons: dict[int, list[str]] = {}
    for number, reason in found.warnings:
        reasons.setdefault(number, []).append(reason)
    rows = {
        number: Row(number, Fate.MORE if number in found.taken else Fate.WRONG, said)
        for number, said in reasons.items()
    }
    for each in found.left_out:
        rows[each.row] = Row(each.row, Fate.WRONG, [TWO_NAMES], each)
    for address, each in found.people.items():
        fate = Fate.THERE if address in there else Fate.NEW
        fate = fate if each.active else Fate.INACTIVE
        rows[each.row] = Row(each.row, fate, reasons.get(each.row, []), each)
    return [rows[number] for number in sorted(rows)]

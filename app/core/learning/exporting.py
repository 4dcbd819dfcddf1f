"""Conversations as files: streamed as CSV, or made as XLSX by the worker and kept for a day."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from typing import IO, Any

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from app.core import audit, backlog, clock, sheets
from app.core.audit import Event, Origin
from app.core.backlog import JobKind
from app.core.errors import NotFound
from app.core.learning import transcripts, words
from app.core.learning.transcripts import Asked
from app.core.learning.wanted import Wanted
from app.models.conversations import Exchange, FilePart
from app.models.people import User
from app.models.records import Job, JobState

HEADER = [
    "id", "user_id", "user_name", "user_email", "chatbot_name", "message", "sender", "timestamp",
]  # fmt: skip
"""The columns of the legacy export, which has two rows for an exchange."""

KEPT_FOR = timedelta(days=1)
"""How long a file that the worker made can be fetched."""

PART = 1_000_000
"""Bytes of a file that one row holds."""

BATCH = 1000
"""Exchanges that are fetched at once."""


def rows(db: Session, wanted: Wanted) -> Iterator[list[Any]]:
    """Two rows for each exchange that fits, what was asked and what was answered, oldest first.

    One query, fetched as it is written.
    """
    query = (
        select(Exchange.id, Exchange.user_id, User.last_name, User.email, Exchange.program_code,
               Exchange.user_message, Exchange.bot_message, Exchange.timestamp)
        .outerjoin(User, User.id == Exchange.user_id)
        .where(words.matching(db, wanted))
        .order_by(Exchange.id)
        .execution_options(yield_per=BATCH)
    )  # fmt: skip
    for *facts, question, answer, moment in db.execute(query):
        whose = ["" if each is None else each for each in facts]
        said_at = sheets.as_text(moment)
        yield [*whose, question, "user", said_at]
        yield [*whose, answer, "bot", said_at]


def write_csv(db: Session, asked: Asked, *, by: int | None, origin: Origin) -> Iterator[str]:
    """The CSV file of what was asked for, in pieces; writes down that it was made.

    The caller commits before it reads the first piece.
    """
    note(db, asked, "csv", by=by, origin=origin)
    return sheets.write_csv(HEADER, rows(db, transcripts.wanted(db, asked)))


def order_workbook(db: Session, asked: Asked, *, by: int, origin: Origin) -> Job:
    """Have the worker make an XLSX file of what was asked for. The caller commits."""
    note(db, asked, "xlsx", by=by, origin=origin)
    return backlog.add(db, JobKind.CONVERSATIONS_EXPORT, by=by, asked=asked.as_facts())


def make_workbook(db: Session, job: Job) -> dict[str, Any]:
    """Do the job of `order_workbook`: what was made, as `exchanges` and `bytes`."""
    wanted = transcripts.wanted(db, Asked.from_facts(job.facts["asked"]))
    db.execute(delete(FilePart).where(FilePart.job_id == job.id))
    backlog.report(db, job, done=0, note="reading")
    with tempfile.TemporaryFile() as file, Session(db.get_bind()) as reading:
        # Read by a session of its own: to say how far it is ends a transaction.
        counted = _Counted(db, job)
        write_workbook(reading, wanted, file, counted)
        size = file.tell()
        file.seek(0)
        backlog.report(db, job, done=counted.exchanges, note="storing")
        _store(db, job, file)
    return {"exchanges": counted.exchanges, "bytes": size}


def write_workbook(
    db: Session, wanted: Wanted, file: IO[bytes], counted: _Counted | None = None
) -> None:
    """Write an XLSX file of what fits to `file`."""
    found = rows(db, wanted)
    made = counted.through(found) if counted else found
    sheets.write_workbook("Conversations", HEADER, made, file)


class _Counted:
    """Says how far a job is while its rows go by."""

    def __init__(self, db: Session, job: Job) -> None:
        self.db = db
        self.job = job
        self.exchanges = 0

    def through(self, found: Iterator[list[Any]]) -> Iterator[list[Any]]:
        for number, row in enumerate(found, start=1):
            yield row
            self.exchanges = number // 2
            if number % (2 * BATCH) == 0:
                backlog.report(self.db, self.job, done=self.exchanges)


def _store(db: Session, job: Job, file: IO[bytes]) -> None:
    part = 0
    while data := file.read(PART):
        db.execute(insert(FilePart).values(job_id=job.id, part=part, data=data))
        backlog.report(db, job)
        part += 1


def ordered(db: Session, job_id: int) -> Job:
    """The job that makes, or made, this file. Raises `NotFound`."""
    job = backlog.get(db, job_id)
    if job.kind != JobKind.CONVERSATIONS_EXPORT.value:
        raise NotFound
    return job


def can_be_fetched(job: Job) -> bool:
    """Whether the file is there, and still is for as long as was promised."""
    done = job.state == JobState.DONE.value and job.finished_at is not None
    return done and clock.now() - job.finished_at < KEPT_FOR  # type: ignore[operator]


def fetch(db: Session, job_id: int, *, by: int | None, origin: Origin) -> Iterator[bytes]:
    """The bytes of a file in parts; writes down who takes it, which may be another than ordered it.

    Raises `NotFound` where it is not there any more. The caller commits before it reads.
    """
    job = ordered(db, job_id)
    if not can_be_fetched(job):
        raise NotFound
    note(db, Asked.from_facts(job.facts["asked"]), "xlsx", by=by, origin=origin, job=job.id)
    return _parts(db, job_id)


def _parts(db: Session, job_id: int) -> Iterator[bytes]:
    part = 0
    query = select(FilePart.data).where(FilePart.job_id == job_id)
    while (data := db.scalar(query.where(FilePart.part == part))) is not None:
        yield data
        part += 1


def note(
    db: Session, asked: Asked, kind: str, *, by: int | None, origin: Origin, **more: Any
) -> None:
    """Write down that somebody took conversations with them. The caller commits."""
    facts = asked.as_facts() | more
    audit.record(db, Event.CONVERSATIONS_EXPORTED, origin, actor_id=by, format=kind, **facts)


def tidy(db: Session) -> None:
    """Drop the files whose day is over, and those of jobs that came to nothing."""
    over = or_(Job.state.in_([JobState.FAILED.value, JobState.STOPPED.value]),
               Job.finished_at < clock.now() - KEPT_FOR)  # fmt: skip
    db.execute(
        delete(FilePart)
        .where(FilePart.job_id.in_(select(Job.id).where(over)))
        .execution_options(synchronize_session=False)
    )

"""The lists of the console as CSV files: what a page shows of them, from the first row to the last.

Each is read a batch at a time, and each batch begins where the one before it ended, so that neither
memory nor a transaction grows with the list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.core import backlog, mailbox
from app.core.desk import invited
from app.core.learning import catalogue, openers
from app.core.roster import imports
from app.core.sheets import BATCH, as_text, write_csv
from app.models.programs import Program
from app.models.records import Job, JobState

Row = TypeVar("Row")
Place = TypeVar("Place")


def write_messages(db: Session, wanted: mailbox.Filter, *, whole_numbers: bool) -> Iterator[str]:
    """The messages that fit, newest first: where each stands, and nothing of what it says."""
    header = ["Sent to", "What it is", "State", "Tries", "Written", "Sent", "Answer"]
    header += ["Channel", "Provider says"]

    def fetch(before: tuple[datetime, int] | None) -> list[Any]:
        return mailbox.find(db, wanted, before=before, limit=BATCH)

    rows = (
        [mailbox.recipient(each, whole=whole_numbers), each.kind, each.state, each.attempts,
         as_text(each.created_at), as_text(each.sent_at), each.last_error or "", each.channel,
         each.provider_state or ""]
        for each in _all(fetch, lambda each: (each.created_at, each.id), None)
    )  # fmt: skip
    return write_csv(header, rows)


def write_jobs(db: Session, states: Collection[JobState]) -> Iterator[str]:
    """The jobs in these states, or all of them, newest first: how far each is, and its error."""
    header = ["ID", "Kind", "State", "Done", "Of", "Asked for", "By", "Ended", "Error"]

    def fetch(before: int | None) -> list[Job]:
        return backlog.latest(db, states=states, before=before, limit=BATCH)

    rows = (
        [each.id, each.kind, each.state, each.done, each.total, as_text(each.created_at),
         each.created_by, as_text(each.finished_at), each.error or ""]
        for each in _all(fetch, lambda each: each.id, None)
    )  # fmt: skip
    return write_csv(header, rows)


def write_programs(
    db: Session, *, search: str, category: str, where: catalogue.Where | None
) -> Iterator[str]:
    """The programs that fit, by name, and how many can open each: "1000+" where it is more."""
    header = ["Code", "Name", "Category", "State", "LO Root IDs", "Questions a day", "Can open it"]

    def fetch(after: int | None) -> list[tuple[Program, openers.Count]]:
        return catalogue.listed(
            db, search=search, category=category, where=where, after=after, limit=BATCH
        )

    rows = (
        [each.code, each.name, each.category, catalogue.where_is(each).value,
         "; ".join(held.lo_root_id for held in each.lo_root_ids), each.quota,
         f"{people.number}{'+' if people.more else ''}"]
        for each, people in _all(fetch, lambda row: row[0].id, None)
    )  # fmt: skip
    return write_csv(header, rows)


def write_openers(db: Session, program: Program) -> Iterator[str]:
    """Who can open a program, and by which of its LO Root IDs: none where it is open to all."""

    def fetch(after: int | None) -> list[openers.Opener]:
        return openers.page(db, program, after=after, limit=BATCH)

    rows = (
        [each.user.id, each.user.last_name, each.user.email, "; ".join(each.by)]
        for each in _all(fetch, lambda each: each.user.id, None)
    )
    return write_csv(["ID", "Last Name", "Email", "LO Root IDs"], rows)


def write_import(db: Session, import_id: int, kind: str, *, search: str = "") -> Iterator[str]:
    """The people of an import whom its list of this kind shows. Raises `NotFound`."""
    imports.get(db, import_id)

    def fetch(after: tuple[str, str] | None) -> list[Any]:
        return imports.list_changes(db, import_id, kind, search=search, after=after, limit=BATCH)

    rows = (
        [each.last_name, each.address, each.change, each.gained, each.lost]
        for each in _all(fetch, lambda each: (each.last_name, each.address), None)
    )
    return write_csv(["Last Name", "Email", "Change", "Gained", "Lost"], rows)


def write_invited(db: Session, job_id: int, *, only_open: bool) -> Iterator[str]:
    """Whom a sending was the last to invite; `only_open` those without a password alone."""
    header = ["Last Name", "Email", "Password", "Invited", "Mails", "State of the mail", "Answer"]

    def fetch(after: str) -> list[invited.Invited]:
        return invited.invited_by(db, job_id, only_open=only_open, after=after, limit=BATCH)

    rows = (
        [each.last_name or "", each.address, "set" if each.has_password else "not yet",
         as_text(each.invited_at), each.times, each.mail_state or "", each.mail_error or ""]
        for each in _all(fetch, lambda each: each.address, "")
    )  # fmt: skip
    return write_csv(header, rows)


def _all(
    fetch: Callable[[Place], list[Row]], place_of: Callable[[Row], Place], first: Place
) -> Iterator[Row]:
    """Every row of a list of which `fetch` reads a batch that begins after a place."""
    place = first
    while rows := fetch(place):
        yield from rows
        if len(rows) < BATCH:
            return
        place = place_of(rows[-1])

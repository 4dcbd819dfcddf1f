"""What is taken out of here: every list that leaves as a file, or is printed by a command.

Who took which list, and what narrowed it, is written down and committed before its first row
leaves; the rows are not. What people said has an event of its own, which `learning` writes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import LONGEST, Event, Origin


class Taken(StrEnum):
    """Which list it is."""

    AUDIT = "audit_log"
    COMPARED = "compared_lists"
    IMPORT = "import"
    INVITED = "invited"
    IN_FORCE = "list_in_force"
    JOBS = "jobs"
    OUTBOX = "outbox"
    PAIRS = "changed_addresses"
    PEOPLE = "people"
    PROBLEMS = "problem_lines"
    PROGRAMS = "programs"
    PROGRAM_PEOPLE = "people_of_program"
    UNREGISTERED = "not_registered"


OF_NOBODY = {Taken.JOBS, Taken.PROGRAMS}
"""Lists on which no person stands; all others are taken with a password that was just given."""


def note(db: Session, what: Taken, /, *, by: int | None, origin: Origin, **filters: Any) -> None:
    """Write down that a list is taken, by whom, and by which `filters`; blank ones narrow nothing.

    The caller commits before the first row is read.
    """
    narrowed = {
        name: value if isinstance(value, int) else str(value).replace("\0", "")[:LONGEST]
        for name, value in filters.items()
        if value not in (None, "", False)
    }
    audit.record(
        db, Event.LIST_TAKEN, origin, actor_id=by, kind=what.value, filters=narrowed,
        whole=not narrowed,
    )  # fmt: skip

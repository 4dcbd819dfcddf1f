"""How things stand, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.core import outbox
from app.core.roster import imports
from app.models.people import User
from app.models.programs import Program
from app.models.records import MessageState
from app.models.rosters import ImportState, RosterImport, RosterLine


@dataclass(frozen=True)
class Overview:
    """What the admin's first page says. `listed` and `registered` are people."""

    listed: int
    registered: int
    programs: int
    failed_mails: int
    in_force: RosterImport | None
    waiting: RosterImport | None
    """The newest import that was checked and neither applied nor put aside."""


def overview(db: Session) -> Overview:
    """Count what an admin wants to know first."""
    in_force = imports.in_force(db)
    newest = imports.history(db, limit=1)
    waiting = newest[0] if newest and newest[0].state == ImportState.CHECKED.value else None
    registered = (
        select(func.count())
        .select_from(User)
        .where(exists().where(RosterLine.address == User.address, RosterLine.active.is_(True)))
    )
    return Overview(
        listed=imports.count_in_force(db)[0],
        registered=db.scalar(registered) or 0,
        programs=db.scalar(select(func.count()).select_from(Program)) or 0,
        failed_mails=outbox.count_by_state(db).get(MessageState.FAILED.value, 0),
        in_force=imports.get(db, in_force) if in_force else None,
        waiting=waiting,
    )

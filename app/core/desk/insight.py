"""How things stand, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import clock
from app.core.people import users
from app.core.roster import imports
from app.models.ledger import Figure
from app.models.people import User
from app.models.programs import Program
from app.models.records import MessageState, OutgoingMessage
from app.models.rosters import ImportState, RosterImport, RosterLine

AT_ONCE = 20_000
"""Lines of a list whose people a page counts by itself; of more the worker does."""

FRESH = timedelta(minutes=5)
"""How old a number of the worker's may be before it counts again."""

MOST = 1000
"""Messages of one state that are counted; beyond it the number says "at least"."""

_WAITING = [ImportState.CHECKED.value, ImportState.HELD.value]


@dataclass(frozen=True)
class Overview:
    """What the admin's first page says. `listed` and `registered` are people."""

    listed: int
    registered: int
    programs: int
    failed_mails: int
    """Counted up to `MOST`."""
    in_force: RosterImport | None
    waiting: RosterImport | None
    """The newest import that was checked, or is held, and neither applied nor put aside."""


def overview(db: Session) -> Overview:
    """What an admin wants to know first; nothing here takes longer the more people there are."""
    in_force_id = imports.in_force(db)
    in_force = imports.get(db, in_force_id) if in_force_id else None
    listed, registered = _people_of(db, in_force)
    return Overview(
        listed=listed,
        registered=registered,
        programs=db.scalar(select(func.count(Program.id)).where(Program.deleted_at.is_(None))) or 0,
        failed_mails=count_mails(db, MessageState.FAILED),
        in_force=in_force,
        waiting=db.scalar(
            select(RosterImport)
            .where(RosterImport.state.in_(_WAITING))
            .order_by(RosterImport.id.desc())
            .limit(1)
        ),
    )


def count_unregistered(db: Session) -> int:
    """How many people of the list in force have no account, or no password."""
    in_force_id = imports.in_force(db)
    if in_force_id is None:
        return 0
    listed, registered = _people_of(db, imports.get(db, in_force_id))
    return listed - registered


def refresh(db: Session) -> None:
    """Count the people of a long list anew where that was long ago. The caller commits."""
    in_force_id = imports.in_force(db)
    in_force = imports.get(db, in_force_id) if in_force_id else None
    if not _is_large(in_force):
        return
    known = db.get(Figure, "registered")
    if known is not None and known.at > clock.now() - FRESH:
        return
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    for name, value in zip(("listed", "registered"), _count_people(db), strict=True):
        row = {"name": name, "value": value, "at": clock.now()}
        adding = insert(Figure).values(**row)
        db.execute(adding.on_conflict_do_update(index_elements=["name"], set_=row))


def count_mails(db: Session, *states: MessageState) -> int:
    """How many messages stand in these states, counted up to `MOST`."""
    some = (
        select(OutgoingMessage.id)
        .where(OutgoingMessage.state.in_([state.value for state in states]))
        .limit(MOST)
        .subquery()
    )
    return db.scalar(select(func.count()).select_from(some)) or 0


def _people_of(db: Session, in_force: RosterImport | None) -> tuple[int, int]:
    """How many are listed and registered; of a long list as the worker counted them last."""
    known = _known(db) if _is_large(in_force) else None
    return known or _count_people(db)


def _is_large(in_force: RosterImport | None) -> bool:
    return in_force is not None and in_force.lines > AT_ONCE


def _known(db: Session) -> tuple[int, int] | None:
    query = select(Figure.name, Figure.value).where(Figure.name.in_(["listed", "registered"]))
    found = dict(db.execute(query).all())
    return (found["listed"], found["registered"]) if len(found) == 2 else None


def _count_people(db: Session) -> tuple[int, int]:
    """How many people the list lets in, and how many of them have an account."""
    active = select(RosterLine.address).where(RosterLine.active.is_(True)).distinct().subquery()
    here = select(func.count()).select_from(active).join(User, User.address == active.c.address)
    # An invitation makes an account; registered is who chose a password.
    here = here.where(users.has_password())
    return db.scalar(select(func.count()).select_from(active)) or 0, db.scalar(here) or 0

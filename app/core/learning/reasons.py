"""My programs and why: what is open to somebody, and each reason for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.learning import emergency, programs
from app.models.people import Entitlement, Source, User, UserLoRootId
from app.models.programs import Program
from app.models.rosters import RosterLine


@dataclass(frozen=True)
class Why:
    """A program that is open, and what opens it.

    `classes` are those of the list's lines that do, "" where a line names none. Where nothing
    else is said, the emergency switch opens it, until `until`.
    """

    program: Program
    to_everybody: bool = False
    classes: list[str] = field(default_factory=list)
    by_admin: bool = False
    brought_over: bool = False
    until: datetime | None = None


def of(db: Session, user: User) -> list[Why]:
    """The programs that this person may open, by name, each with its reasons; few queries."""
    found = programs.listing(db, user.id).all_open
    sources, classes = _sources(db, user.id), _classes(db, user)
    standing = emergency.standing(db)
    until = standing.ends_at if standing else None
    return [_why(program, sources, classes, until) for program in found]


def _why(
    program: Program,
    sources: dict[str, set[str]],
    classes: dict[str, set[str]],
    until: datetime | None,
) -> Why:
    ids = [each.lo_root_id for each in program.lo_root_ids]
    if not ids:
        return Why(program, to_everybody=True)
    held = {source for each in ids for source in sources.get(each, set())}
    by_list = {name for each in ids for name in classes.get(each, set())}
    return Why(
        program,
        classes=sorted(by_list) or ([""] if Source.ROSTER.value in held else []),
        by_admin=Source.ADMIN.value in held,
        brought_over=Source.LEGACY.value in held,
        until=None if held else until,
    )


def _sources(db: Session, user_id: int) -> dict[str, set[str]]:
    """Why this person holds each of their ids; what nobody gave a reason for was brought over."""
    why = Entitlement.source
    rows = db.execute(
        select(UserLoRootId.lo_root_id, why)
        .outerjoin(
            Entitlement,
            (Entitlement.user_id == UserLoRootId.user_id)
            & (Entitlement.lo_root_id == UserLoRootId.lo_root_id),
        )
        .where(UserLoRootId.user_id == user_id)
    )
    found: dict[str, set[str]] = {}
    for lo_root_id, source in rows:
        found.setdefault(lo_root_id, set()).add(source or Source.LEGACY.value)
    return found


def _classes(db: Session, user: User) -> dict[str, set[str]]:
    """The classes of the active lines that name this person, by LO Root ID."""
    rows = db.execute(
        select(RosterLine.lo_root_id, RosterLine.class_name)
        .where(RosterLine.address == user.address, RosterLine.active.is_(True))
        .distinct()
    )
    found: dict[str, set[str]] = {}
    for lo_root_id, name in rows:
        found.setdefault(lo_root_id, set()).add((name or "").strip())
    return found

"""Which programs there are, and which of them somebody's LO Root IDs open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session, undefer

from app.core import clock
from app.core.errors import N_, ProgramClosed, UnknownProgram
from app.core.learning import emergency
from app.models.people import RoleGrant, UserLoRootId
from app.models.programs import Program, ProgramLoRootId

NEW_FOR = timedelta(days=14)
NEVER_NEW = {"BCC", "MI", "SAFETY"}
ALIASES = {"S&R": "SAFETY"}
"""Codes that old bookmarks and rows use for a program of another code, and the other way round."""

INTERNAL = "INTERNAL_PORTAL"
"""No class but a tag: a program that has it is for people with a role, and in no learner's list."""

CATEGORIES = {
    "new": N_("New"),
    "standard": N_("Standard"),
    "tap": N_("TAP"),
    "jsa": N_("JSA"),
    "ild": N_("ILD"),
    "elearning": N_("E-learning"),
}


def opened_to(
    user_id: int | ColumnElement[int], *, now: ColumnElement[datetime] | None = None
) -> ColumnElement[bool]:
    """The SQL condition under which a `Program` is open to this person.

    A program without LO Root IDs is open to everybody who is signed in, and one that is tagged
    `INTERNAL` to everybody with a role, whatever they hold. While the emergency switch is on
    every other program is open, and it is asked about in the same statement. A statement that is
    made once names both by a parameter.
    """
    has_role = exists().where(RoleGrant.user_id == user_id)
    by_class = or_(
        ~exists().where(ProgramLoRootId.chatbot_id == Program.id),
        exists().where(
            ProgramLoRootId.chatbot_id == Program.id,
            UserLoRootId.lo_root_id == ProgramLoRootId.lo_root_id,
            UserLoRootId.user_id == user_id,
        ),
    )
    by_class = or_(by_class, emergency.is_on(now))
    return or_(and_(is_internal(), has_role), and_(not_(is_internal()), by_class))


def is_internal() -> ColumnElement[bool]:
    """The SQL condition under which a `Program` is tagged for people with a role."""
    return exists().where(
        ProgramLoRootId.chatbot_id == Program.id, ProgramLoRootId.lo_root_id == INTERNAL
    )


def count_closed(db: Session) -> int:
    """How many active programs ask for an LO Root ID: the emergency switch opens these to all."""
    asks = exists().where(ProgramLoRootId.chatbot_id == Program.id)
    here = (Program.is_active.is_(True), Program.deleted_at.is_(None))
    found = select(func.count(Program.id)).where(*here, asks, not_(is_internal()))
    return db.scalar(found) or 0


def on_shelf() -> tuple[ColumnElement[bool], ...]:
    """The SQL conditions under which a `Program` stands in lists of whom it is open to."""
    return (Program.is_active.is_(True), Program.deleted_at.is_(None), not_(is_internal()))


@dataclass(frozen=True)
class Listing:
    """What the list of programs shows: those found, all that are open, and their categories."""

    found: list[Program]
    all_open: list[Program]
    categories: list[tuple[str, str]]


def listing(db: Session, user_id: int, *, search: str = "", category: str = "") -> Listing:
    """The active programs that this person may open, by name, but for the internal ones.

    `search` is any part of name, code or description; `category` one of `CATEGORIES`, or `new`.
    One query: a person has few programs, so searching among them needs no other.
    """
    all_open = list(
        db.scalars(
            select(Program)
            .where(*on_shelf(), opened_to(user_id))
            .order_by(func.lower(Program.name), Program.id)
        )
    )
    there = {tag for program in all_open for tag in _tags(program)}
    part = search.strip().lower()
    found = [
        program
        for program in all_open
        if (not category or category in _tags(program))
        and part in f"{program.name}\n{program.code}\n{program.description or ''}".lower()
    ]
    categories = [(code, label) for code, label in CATEGORIES.items() if code in there]
    return Listing(found, all_open, categories)


def open_to_all(db: Session) -> list[Program]:
    """The active programs that ask for no LO Root ID, by name: what anybody may be told of."""
    asks = exists().where(ProgramLoRootId.chatbot_id == Program.id)
    found = select(Program).where(*on_shelf(), ~asks)
    return list(db.scalars(found.order_by(func.lower(Program.name), Program.id)))


def _tags(program: Program) -> set[str]:
    kind = program.category or "standard"
    return {kind, "new"} if is_new(program) else {kind}


def enter_program(db: Session, user_id: int, code: str) -> Program:
    """The program of this code, if it is there and open to this person; asked at every step.

    The code is read in any case. Raises `UnknownProgram` or `ProgramClosed`.
    """
    row = db.execute(
        select(Program, opened_to(user_id))
        .where(Program.id == id_of(db, code), Program.deleted_at.is_(None))
        .options(undefer(Program.content))
    ).one_or_none()
    if row is None or not row[0].is_active:
        raise UnknownProgram
    if not row[1]:
        raise ProgramClosed(program=row[0].name)
    return row[0]


def id_of(db: Session, code: str) -> int | None:
    """The id of the program that is meant by `code`, in any case or by an alias; None if none is.

    Programs in the trash are found too: their codes stay taken.
    """
    # Compared here, because each database has its own idea of case. There are few programs.
    ids = {known: program_id for program_id, known in db.execute(select(Program.id, Program.code))}
    if code in ids:
        return ids[code]
    by_name = {known.casefold(): ids[known] for known in sorted(ids, reverse=True)}
    return next((by_name[name] for name in names_of(code) if name in by_name), None)


def names_of(code: str) -> list[str]:
    """What a program of this code is called, in folded case: the code first, then its aliases."""
    own = code.strip().casefold()
    pairs = [(old.casefold(), new.casefold()) for old, new in ALIASES.items()]
    newer = [new for old, new in pairs if old == own]
    return [own, *newer, *(old for old, new in pairs if new == own)]


def called(programs: list[Program], code: str | None) -> Program | None:
    """The first of these programs that is meant by `code`, in any spelling; None if none is."""
    wanted = (code or "").casefold()
    return next((each for each in programs if wanted in names_of(each.code)), None)


def spellings_of(program: Program) -> set[str]:
    """The codes under which rows of the legacy application may name this program."""
    return spellings(program.code)


def spellings(code: str) -> set[str]:
    """The same of a code whose program may be gone."""
    names = names_of(code)
    cases = {spelt for name in names for spelt in (name, name.upper(), name.capitalize())}
    return cases | {code}


def is_new(program: Program) -> bool:
    """Whether it carries the mark NEW: for 14 days, but never the three founding programs."""
    if program.code.upper() in NEVER_NEW or program.created_at is None:
        return False
    return clock.now() - program.created_at < NEW_FOR


def intro_of(program: Program) -> str:
    """The intro text with its known placeholders filled in; other braces stay as they are."""
    return filled(program.intro_message, program.name, program.quota)


def filled(intro: str, name: str, quota: int) -> str:
    """An intro text for a program of this name and quota."""
    return intro.replace("{program}", name).replace("{quota}", str(quota))

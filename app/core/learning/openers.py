"""Who can open a program: how many, who, and which of its LO Root IDs nobody holds.

Counted and paged from the index of who holds an id, so that no list looks at more rows than it
shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, Subquery, exists, func, select, union
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.learning.programs import INTERNAL
from app.models.people import RoleGrant, User, UserLoRootId
from app.models.programs import Program, ProgramLoRootId

MOST = 1_000
"""Up to how many a list of programs counts for each of them."""
MOST_HOLDINGS = 50_000
"""Up to how many holdings are looked at to count the people who hold any of several ids."""
AT_ONCE = 100
"""LO Root IDs that are asked for in one statement."""

Holder = InstrumentedAttribute[int]
"""The column that names a person."""


@dataclass(frozen=True)
class Count:
    """How many accounts can open a program: so many, or where `more` is said, at least so many."""

    number: int
    more: bool = False


@dataclass(frozen=True)
class Opener:
    """Somebody who can open a program, and by which of its LO Root IDs they do."""

    user: User
    by: tuple[str, ...]


def counts(db: Session, programs: Sequence[Program]) -> dict[int, Count]:
    """How many accounts can open each of these programs, by its id: for a list of them.

    Each LO Root ID is counted to `MOST` and no further, so the list costs the same for any number
    of people. Who holds one of several ids is counted exactly up to `MOST` holdings.
    """
    ids = {each for program in programs for each in _ids(program)} - {INTERNAL}
    held = _holdings(db, ids)
    some = _capped(select(User.id))
    everybody = _at_most(db.scalar(select(func.count()).select_from(some)) or 0)
    staff = Count(db.scalar(select(func.count(func.distinct(RoleGrant.user_id)))) or 0)
    found = {}
    for program in programs:
        own = _ids(program)
        numbers = [held[each] for each in own if each in held]
        if not own or INTERNAL in own:
            found[program.id] = everybody if not own else staff
        elif len(numbers) == 1 or sum(numbers) > MOST:
            count = _at_most(max(numbers))
            found[program.id] = Count(count.number, more=count.more or len(numbers) > 1)
    left = [program for program in programs if program.id not in found]
    return found | _exactly(db, left)


def _holdings(db: Session, ids: set[str]) -> dict[str, int]:
    """How many people hold each of these ids, counted to `MOST` + 1."""
    wanted = select(ProgramLoRootId.lo_root_id).where(ProgramLoRootId.lo_root_id.in_(ids))
    each = wanted.distinct().subquery()
    holders = _capped(
        select(UserLoRootId.user_id)
        .where(UserLoRootId.lo_root_id == each.c.lo_root_id)
        .correlate(each)
    )
    number = select(func.count()).select_from(holders).scalar_subquery()
    return dict(db.execute(select(each.c.lo_root_id, number)).all())


def _exactly(db: Session, programs: Sequence[Program]) -> dict[int, Count]:
    """The same for programs whose ids have `MOST` holdings together, or fewer."""
    ids = {each for program in programs for each in _ids(program)}
    people: dict[str, set[int]] = {each: set() for each in ids}
    held = select(UserLoRootId.lo_root_id, UserLoRootId.user_id)
    for lo_root_id, user_id in db.execute(held.where(UserLoRootId.lo_root_id.in_(ids))):
        people[lo_root_id].add(user_id)
    return {
        program.id: Count(len(set().union(*(people[each] for each in _ids(program)))))
        for program in programs
    }


def _capped(query: Select[int]) -> Subquery:
    return query.limit(MOST + 1).subquery()


def _at_most(number: int) -> Count:
    return Count(min(number, MOST), more=number > MOST)


def count(db: Session, program: Program) -> Count:
    """How many accounts can open this program: for a page of this one alone.

    Exact but for programs of several ids that are held more than `MOST_HOLDINGS` times together.
    """
    ids = _ids(program)
    if not ids:
        return Count(db.scalar(select(func.count(User.id))) or 0)
    if INTERNAL in ids:
        return Count(db.scalar(select(func.count(func.distinct(RoleGrant.user_id)))) or 0)
    held = select(UserLoRootId.user_id).where(UserLoRootId.lo_root_id.in_(ids))
    if len(ids) == 1:
        # Nobody stands there twice, and sorting them out would take its time.
        return Count(db.scalar(select(func.count()).select_from(held.subquery())) or 0)
    some = held.limit(MOST_HOLDINGS + 1).subquery()
    number = select(func.count(), func.count(func.distinct(some.c.user_id))).select_from(some)
    holdings, people = db.execute(number).one()
    return Count(people, more=holdings > MOST_HOLDINGS)


def page(
    db: Session, program: Program, *, after: int | None = None, limit: int = 50
) -> list[Opener]:
    """Who can open this program, by id; `after` is the id of the last one already seen."""
    start = after or 0
    ids = _ids(program)
    if not ids or INTERNAL in ids:
        who = User.id if not ids else RoleGrant.user_id
        found = set(db.scalars(_first(select(who).distinct(), who, start, limit)))
    else:
        found = set()
        for chunk in _chunks(ids):
            # The first of each id, by the index, and then the first of all of these.
            each_id = (
                _first(
                    select(UserLoRootId.user_id).where(UserLoRootId.lo_root_id == each),
                    UserLoRootId.user_id,
                    start,
                    limit,
                ).subquery()
                for each in chunk
            )
            found |= set(db.scalars(union(*(select(each.c.user_id) for each in each_id))))
    shown = sorted(found)[:limit]
    people = db.scalars(select(User).where(User.id.in_(shown)).order_by(User.id))
    reasons = _reasons(db, shown, ids)
    return [Opener(user, tuple(reasons.get(user.id, ()))) for user in people]


def unheld(db: Session, program: Program) -> list[str]:
    """The LO Root IDs of this program that nobody holds, and so open it to nobody."""
    holder = exists().where(UserLoRootId.lo_root_id == ProgramLoRootId.lo_root_id)
    return list(
        db.scalars(
            select(ProgramLoRootId.lo_root_id)
            .where(
                ProgramLoRootId.chatbot_id == program.id,
                ProgramLoRootId.lo_root_id != INTERNAL,
                ~holder,
            )
            .order_by(ProgramLoRootId.lo_root_id)
        )
    )


def _first(query: Select[int], by: Holder, start: int, limit: int) -> Select[int]:
    return query.where(by > start).order_by(by).limit(limit)


def _ids(program: Program) -> list[str]:
    return [each.lo_root_id for each in program.lo_root_ids]


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


def _reasons(db: Session, user_ids: list[int], ids: list[str]) -> dict[int, list[str]]:
    rows = db.execute(
        select(UserLoRootId.user_id, UserLoRootId.lo_root_id)
        .where(UserLoRootId.user_id.in_(user_ids), UserLoRootId.lo_root_id.in_(ids))
        .order_by(UserLoRootId.lo_root_id)
    )
    found: dict[int, list[str]] = {}
    for user_id, lo_root_id in rows:
        found.setdefault(user_id, []).append(lo_root_id)
    return found

"""The programs as admins list them: searched, filtered, page by page, from the trash too."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from app.core.learning import openers
from app.core.learning.openers import Count
from app.models.programs import Program


class Where(StrEnum):
    """Where a program stands."""

    OPEN = "open"
    OFF = "off"
    TRASH = "trash"


def where_is(program: Program) -> Where:
    """Where this program stands."""
    if program.deleted_at is not None:
        return Where.TRASH
    return Where.OPEN if program.is_active else Where.OFF


def listed(
    db: Session,
    *,
    search: str = "",
    category: str = "",
    where: Where | None = None,
    after: int | None = None,
    limit: int = 50,
) -> list[tuple[Program, Count]]:
    """Programs by name, each with how many accounts can open it (see `openers.counts`).

    `search` is any part of name, code or description; without `where` all that are not in the
    trash. `after` is the id of the last one already seen.
    """
    name = func.lower(Program.name)
    query = select(Program).order_by(name, Program.id).limit(limit)
    query = query.where(_standing(where), *_holding(search, category))
    if after is not None:
        last = select(func.lower(Program.name)).where(Program.id == after).scalar_subquery()
        query = query.where(tuple_(name, Program.id) > tuple_(last, after))
    found = list(db.scalars(query))
    numbers = openers.counts(db, found)
    return [(program, numbers[program.id]) for program in found]


def count(db: Session, *, search: str = "", category: str = "", where: Where | None = None) -> int:
    """How many programs `listed` would list on all its pages."""
    query: Select[int] = select(func.count(Program.id))
    return db.scalar(query.where(_standing(where), *_holding(search, category))) or 0


def _standing(where: Where | None) -> ColumnElement[bool]:
    kept = Program.deleted_at.is_(None)
    if where is None:
        return kept
    if where is Where.TRASH:
        return Program.deleted_at.is_not(None)
    # A legacy row may have nothing there, which means switched off (T12).
    active = func.coalesce(Program.is_active, False).is_(where is Where.OPEN)
    return and_(kept, active)


def _holding(search: str, category: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if part := search.strip().replace("\0", ""):
        columns = (Program.name, Program.code, Program.description)
        conditions.append(or_(*(each.icontains(part, autoescape=True) for each in columns)))
    if category == "standard":
        # A legacy row without a category is a standard one (T12).
        conditions.append(func.coalesce(func.nullif(Program.category, ""), category) == category)
    elif category:
        conditions.append(Program.category == category)
    return conditions

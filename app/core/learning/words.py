"""Finding exchanges in the index of words, newest first. SQLite's way is here; see `wanted`."""

from __future__ import annotations

from sqlalchemy import ColumnElement, false, literal_column, select, table, true
from sqlalchemy.orm import Session

from app.core.learning import words_in_postgres
from app.core.learning.wanted import Wanted, groups
from app.core.learning.words_in_postgres import BUDGET, Newest
from app.models.conversations import Exchange

_WORDS = table("chat_words")
_ROWID: ColumnElement[int] = literal_column("rowid")


def matching(db: Session, wanted: Wanted) -> ColumnElement[bool]:
    """The condition on `Exchange` under which a row is one of those that are wanted."""
    if wanted.nothing:
        return false()
    if wanted.everything:
        return true()
    if _is_postgres(db):
        return words_in_postgres.fits(wanted, groups(db, wanted))
    return Exchange.id.in_(select(_ROWID).select_from(_WORDS).where(_match(db, wanted)))


def newest(
    db: Session, wanted: Wanted, *, before: int | None = None, limit: int, budget: float = BUDGET
) -> Newest:
    """The newest exchanges that fit; `before` is the id of the last one seen.

    `budget` are seconds after which no older ones are looked at, where that takes long.
    """
    if wanted.nothing or limit < 1:
        return Newest([])
    if wanted.everything:
        query = select(Exchange.id).order_by(Exchange.id.desc()).limit(limit)
        rows = query if before is None else query.where(Exchange.id < before)
        return Newest(list(db.scalars(rows)))
    if _is_postgres(db):
        return words_in_postgres.newest(db, wanted, before, limit, budget)
    asked = select(_ROWID).select_from(_WORDS).where(_match(db, wanted))
    if before is not None:
        asked = asked.where(_ROWID < before)  # noqa: SIM300
    return Newest(list(db.scalars(asked.order_by(_ROWID.desc()).limit(limit))))


def _is_postgres(db: Session) -> bool:
    return db.get_bind().dialect.name == "postgresql"


def _match(db: Session, wanted: Wanted) -> ColumnElement[bool]:
    """SQLite's way of asking; all stands in quotation marks, where nothing has a meaning."""
    parts = [f'words : "{term}"' for term in wanted.terms or ()]
    for group in groups(db, wanted):
        # Only letters and digits are kept of a mark: those of a code stand for its bytes.
        marks = [f"p{each[1:].encode().hex()}" if each[0] == "p" else each for each in group]
        parts.append("marks : (" + " OR ".join(f'"{mark}"' for mark in marks) + ")")
    return literal_column("chat_words").op("MATCH", is_comparison=True)(" AND ".join(parts))

"""Helps PostgreSQL with the many rows of an import: what its planner knows, and room to sort."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, text
from sqlalchemy.orm import Session

from app.database import Base

MANY = 1000
"""Rows beyond which a table is another one for a planner."""


def tell(db: Session, rows: int, *tables: type[Base]) -> None:
    """Have it look at tables of which so many rows came or changed, in this transaction.

    Until then it takes the rows of a new import for a handful, or for all there are, and goes
    through them one by one for each of as many others.
    """
    if rows > MANY and db.get_bind().dialect.name == "postgresql":
        names = ", ".join(cast(Table, table.__table__).name for table in tables)
        db.execute(text(f"ANALYZE {names}"))


def give_room(db: Session) -> None:
    """Let it sort and compare many rows in memory until this transaction ends, not on the disk."""
    if db.get_bind().dialect.name == "postgresql":
        db.execute(text("SET LOCAL work_mem = '64MB'"))

"""The legacy export of accounts: a row for each, with the LO Root IDs that they hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.sheets import BATCH, as_text
from app.models.people import User, UserLoRootId

HEADER = [
    "id", "last_name", "email", "visit_count", "status", "date_added", "expiry_date",
    "lo_root_ids",
]  # fmt: skip


def people(db: Session) -> Iterator[list[Any]]:
    """Every account by id, in one query that is fetched as it is written."""
    held = (
        select(func.aggregate_strings(UserLoRootId.lo_root_id, ";"))
        .where(UserLoRootId.user_id == User.id)
        .scalar_subquery()
    )
    query = select(User, held).order_by(User.id).execution_options(yield_per=BATCH)
    for user, ids in db.execute(query):
        yield [
            user.id,
            user.last_name,
            user.email,
            user.visit_count or 0,
            user.status,
            as_text(user.date_added),
            as_text(user.expiry_date),
            ";".join(sorted((ids or "").split(";"))),
        ]

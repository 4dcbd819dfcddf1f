"""The list of people as a file: the columns of the legacy application, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.people.wanted import Wanted, conditions
from app.core.sheets import BATCH, as_text, write_csv
from app.models.people import User, UserLoRootId

HEADER = [
    "ID", "Last Name", "Email", "Visit Count", "Status", "Date Added", "Expiry Date",
    "LO Root IDs",
]  # fmt: skip
"""The names of the columns in the file of people."""

FIELDS = [name.lower().replace(" ", "_") for name in HEADER]
"""Their names in the file that holds everything."""

EVERYBODY = Wanted()


def write_people(db: Session, wanted: Wanted) -> Iterator[str]:
    """The text of the CSV file, in pieces: a header, then a row for each of those wanted, by id."""
    return write_csv(HEADER, rows(db, wanted, between="; "))


def rows(db: Session, wanted: Wanted = EVERYBODY, *, between: str = ";") -> Iterator[list[Any]]:
    """A row for each of those wanted, by id, with `between` their LO Root IDs.

    All are one query, which is fetched as it is read.
    """
    held = (
        select(func.aggregate_strings(UserLoRootId.lo_root_id, ";"))
        .where(UserLoRootId.user_id == User.id)
        .scalar_subquery()
    )
    query = select(
        User.id, User.last_name, User.email, User.visit_count, User.status, User.date_added,
        User.expiry_date, held,
    ).where(conditions(db, wanted)).order_by(User.id)  # fmt: skip
    for *own, visits, status, added, expiry, ids in db.execute(
        query.execution_options(yield_per=BATCH)
    ):
        joined = between.join(sorted((ids or "").split(";")))
        yield [*own, visits or 0, status, as_text(added), as_text(expiry), joined]

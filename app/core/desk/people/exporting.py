"""The list of people as a CSV file: the columns of the legacy application, in its order."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.people.wanted import Wanted, conditions
from app.core.roster.exports import BATCH, guarded
from app.models.people import User, UserLoRootId

HEADER = [
    "ID",
    "Last Name",
    "Email",
    "Visit Count",
    "Status",
    "Date Added",
    "Expiry Date",
    "LO Root IDs",
]


def write_people(db: Session, wanted: Wanted) -> Iterator[str]:
    """The text of the file, in pieces: a header, then a row for each of those wanted, by id.

    LO Root IDs are joined by `; `. The byte order mark tells spreadsheets that it is UTF-8.
    """
    yield "\ufeff" + ",".join(HEADER) + "\r\n"
    ids = (
        select(func.aggregate_strings(UserLoRootId.lo_root_id, "; "))
        .where(UserLoRootId.user_id == User.id)
        .scalar_subquery()
    )
    query = select(
        User.id, User.last_name, User.email, User.visit_count, User.status, User.date_added,
        User.expiry_date, ids,
    ).where(conditions(db, wanted)).order_by(User.id)  # fmt: skip
    for rows in db.execute(query.execution_options(yield_per=BATCH)).partitions():
        text = io.StringIO()
        csv.writer(text).writerows([guarded(_cell(each)) for each in row] for row in rows)
        yield text.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "" if value is None else str(value)

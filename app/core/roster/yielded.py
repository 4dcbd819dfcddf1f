"""What gave way to the file of an import, or could, for each of a page of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from app.models.edits import RosterEdit, TakenId


@dataclass(frozen=True)
class Yielded:
    """What gave way to a file; None, or nothing, where it stayed."""

    last_name: str | None
    status: str | None
    lo_root_ids: list[str]
    has_end: bool
    ends_at: datetime | None
    """The end date that an admin had chosen; None for never."""


def yielded_by(import_id: int) -> ColumnElement[bool]:
    """The SQL condition of those `RosterEdit`s of which something gave way to this import."""
    return and_(RosterEdit.import_id == import_id, RosterEdit.yielded)


def yielded_of(db: Session, import_id: int, addresses: Sequence[str]) -> dict[str, Yielded]:
    """What gave way for each of these people, a page of them, by address."""
    rows = db.scalars(
        select(RosterEdit).where(yielded_by(import_id), RosterEdit.address.in_(addresses))
    ).all()
    taken = taken_ids(db, import_id, [row.user_id for row in rows])
    return {
        row.address: Yielded(
            last_name=row.former_name,
            status=row.former_status,
            lo_root_ids=taken.get(row.user_id, []),
            has_end=row.given_expiry is not None,
            ends_at=row.former_expiry,
        )
        for row in rows
    }


def could_yield(db: Session, import_id: int, addresses: Sequence[str]) -> dict[str, str]:
    """Of whom of these people something gives way where the file wins, by address.

    With it the file's last name, empty where theirs stays.
    """
    rows = db.execute(
        select(RosterEdit.address, RosterEdit.last_name).where(
            RosterEdit.import_id == import_id, RosterEdit.address.in_(addresses), could()
        )
    )
    return dict(rows.all())


def could() -> ColumnElement[bool]:
    """The SQL condition that something of a `RosterEdit` could give way."""
    return or_(RosterEdit.last_name != "", RosterEdit.ids, RosterEdit.status, RosterEdit.expiry)


def taken_ids(db: Session, import_id: int, user_ids: Sequence[int]) -> dict[int, list[str]]:
    """The LO Root IDs that an import took from each of these accounts."""
    rows = db.execute(
        select(TakenId.user_id, TakenId.lo_root_id)
        .where(TakenId.import_id == import_id, TakenId.user_id.in_(user_ids))
        .order_by(TakenId.lo_root_id)
    )
    found: dict[int, list[str]] = {}
    for user_id, lo_root_id in rows:
        found.setdefault(user_id, []).append(lo_root_id)
    return found

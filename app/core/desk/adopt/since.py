"""What came into a database after a backup was written: all that restoring it would lose."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, column, inspect, select, table
from sqlalchemy.orm import Session

from app.core.audit import Event
from app.core.desk.adopt.cells import moment
from app.core.desk.adopt.copies import Keys
from app.core.desk.adopt.legacy import CHATS
from app.models.access import SignInSession
from app.models.conversations import SavedConversation
from app.models.records import AuditEntry

COUNTED = {
    "sign-ins": SignInSession.__tablename__,
    "events of the audit": AuditEntry.__tablename__,
    "people": "users",
    "chats": CHATS,
    "saved conversations": SavedConversation.__tablename__,
}
"""What is counted, in words, and the table in which it stands."""


def came_since(db: Session, saved: Keys, at: datetime | None, sha256: str | None) -> dict[str, int]:
    """How much is there that the backup does not hold, by what it is.

    `saved` are the ids in the backup, `at` is when it was written (naive UTC) and `sha256` its
    checksum, as far as they are known. What the adoption itself wrote down is no loss.
    """
    there = set(inspect(db.connection()).get_table_names())
    came = {
        words: _new(db, name, saved.get(name, set()))
        for words, name in COUNTED.items()
        if name in there
    }
    if CHATS in there and at is not None:
        # SQLite gives the id of a deleted last row again, and pairing old chats deletes rows.
        came["chats"] |= _later_chats(db, at)
    if AuditEntry.__tablename__ in there:
        came["events of the audit"] = _without_adoption(db, came["events of the audit"], sha256)
    return {words: len(ids) for words, ids in came.items() if ids}


def _new(db: Session, name: str, saved: set[str]) -> set[Any]:
    ids: Any = db.scalars(select(column("id")).select_from(table(name)))
    return {each for each in ids if str(each) not in saved}


def _later_chats(db: Session, at: datetime) -> set[Any]:
    if "timestamp" not in {each["name"] for each in inspect(db.connection()).get_columns(CHATS)}:
        return set()
    when: Any = column("timestamp", DateTime)
    rows: Any = db.execute(
        select(column("id"), column("timestamp")).select_from(table(CHATS)).where(when > at)
    )
    return {row_id for row_id, text in rows if (said := moment(text)) and said > at}


def _without_adoption(db: Session, ids: set[Any], sha256: str | None) -> set[Any]:
    """Of these entries, those that came after the adoption before which this backup was written."""
    adoptions = db.scalars(
        select(AuditEntry).where(AuditEntry.event == Event.DATABASE_ADOPTED.value)
    )
    for adoption in adoptions:
        if sha256 and adoption.details.get("backup", {}).get("sha256") == sha256:
            return {each for each in ids if each > adoption.id}
    return ids

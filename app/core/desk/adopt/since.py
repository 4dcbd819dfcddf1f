"""What came into a database after it was adopted: all that an undo would lose."""

from __future__ import annotations

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from app.core.audit import Event
from app.core.desk.adopt.legacy import CHATS
from app.database import Base
from app.models.access import SignInSession
from app.models.records import AuditEntry


def came_since(db: Session) -> dict[str, int]:
    """How much happened since the last adoption, by what it is; nothing where there was none."""
    if not inspect(db.connection()).has_table(AuditEntry.__tablename__):
        return {}
    adoption = db.scalar(
        select(AuditEntry)
        .where(AuditEntry.event == Event.DATABASE_ADOPTED.value)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )
    if adoption is None:
        return {}
    sessions = select(func.count()).where(SignInSession.created_at > adoption.at)
    events = select(func.count()).where(AuditEntry.id > adoption.id)
    came = {
        "sign-ins": db.scalar(sessions) or 0,
        "events of the audit": db.scalar(events) or 0,
    }
    for words, name in (("people", "users"), ("chats", CHATS)):
        now = db.scalar(select(func.count()).select_from(Base.metadata.tables[name])) or 0
        came[f"{words} more or fewer"] = abs(now - adoption.details["standing"][name])
    return {words: many for words, many in came.items() if many}

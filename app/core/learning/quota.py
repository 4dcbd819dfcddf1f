"""How many questions a person has left: a ledger that clearing and deleting chats never touches.

A place is reserved by one conditional statement before the answerer is asked, and given back if
no answer came, so parallel questions can never outrun the quota.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import QuotaUsedUp
from app.models.programs import Program, QuotaUse


def reserve(db: Session, user_id: int, program: Program) -> int:
    """Take a place for today (UTC) and return how many are left. Raises `QuotaUsedUp`."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(QuotaUse)
        .values(user_id=user_id, program_id=program.id, day=clock.today(), used=1)
        .on_conflict_do_update(
            index_elements=[QuotaUse.user_id, QuotaUse.program_id, QuotaUse.day],
            set_={"used": QuotaUse.used + 1},
            where=QuotaUse.used < program.quota,
        )
        .returning(QuotaUse.used)
    )
    used = db.execute(statement).scalar() if program.quota > 0 else None
    if used is None:
        raise QuotaUsedUp(program.name, program.quota, clock.tomorrow())
    return program.quota - used


def give_back(db: Session, user_id: int, program_id: int, day: date) -> None:
    """Return the place that was reserved on `day`."""
    db.execute(
        update(QuotaUse)
        .where(
            QuotaUse.user_id == user_id,
            QuotaUse.program_id == program_id,
            QuotaUse.day == day,
            QuotaUse.used > 0,
        )
        .values(used=QuotaUse.used - 1)
        .execution_options(synchronize_session=False)
    )


def remaining(db: Session, user_id: int, program: Program) -> int:
    """How many questions are left today (UTC), never below 0."""
    used = db.scalar(
        select(QuotaUse.used).where(
            QuotaUse.user_id == user_id,
            QuotaUse.program_id == program.id,
            QuotaUse.day == clock.today(),
        )
    )
    return max(0, program.quota - (used or 0))

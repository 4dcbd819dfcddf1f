"""Who was invited to set a password: one row for each address, which is what keeps it to one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime


class Invitation(Base):
    """That somebody on the list was invited, when last, and by which job.

    The address is the key: whoever wants to invite claims its row first, so that of two jobs at
    once one writes.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        Index("ix_invitations_job_id", "job_id", "address"),
        Index("ix_invitations_user_id", "user_id"),
    )

    address: Mapped[str] = mapped_column(String(254), primary_key=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    """The job that wrote the latest mail; NULL where an admin wrote to this one person."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    invited_at: Mapped[datetime] = mapped_column(UtcDateTime)
    times: Mapped[int] = mapped_column(Integer, default=1)
    """How many mails there were in all."""

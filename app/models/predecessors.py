"""What was brought over from the databases of predecessors, so that nothing comes twice."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime


class BroughtOver(Base):
    """That a row of a predecessor's database came over once.

    It stays when what came is deleted here: who deleted a conversation or left does not get it
    back because the database is brought over again. Nothing in it says whose the row was.
    """

    __tablename__ = "brought_over"

    reference: Mapped[str] = mapped_column(String(64), primary_key=True)
    """A digest of the row's own numbers there."""
    brought_at: Mapped[datetime] = mapped_column(UtcDateTime)

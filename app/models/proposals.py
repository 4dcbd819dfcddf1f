"""Files of people whom an admin is about to add: kept until a yes, a no, or a week is over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime


class PeopleFile(Base):
    """One file that was read and waits for its confirmation; each admin has one at most.

    It stands here and not on a disk, so that every web server can show it.
    """

    __tablename__ = "people_files"
    # A page that is still open must never confirm another file than the one it shows.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    file_name: Mapped[str] = mapped_column(String(255))
    encoding: Mapped[str] = mapped_column(String(16))
    data: Mapped[bytes] = mapped_column(LargeBinary)
    """The file as CSV, whatever it was."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)

"""What was said, one row per question and answer in the legacy table; how long, and files of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime


class Exchange(Base):
    """A question and its answer. The legacy table has no foreign keys, and none are added."""

    __tablename__ = "chat_history"
    __table_args__ = (
        Index("ix_chat_history_user_id", "user_id"),
        Index("ix_chat_history_program_code", "program_code"),
        Index("ix_chat_history_timestamp", "timestamp"),
        Index("ix_chat_history_when", "timestamp", "id"),
        Index("ix_chat_history_page", "user_id", "program_code", "id"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer)
    program_code: Mapped[str] = mapped_column(String)
    user_message: Mapped[str] = mapped_column(Text)
    bot_message: Mapped[str] = mapped_column(Text)
    """Markdown."""
    timestamp: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_visible: Mapped[bool] = mapped_column(Boolean, default=True)
    """False once the learner cleared the conversation; it still counts."""


class ProgramRetention(Base):
    """For how many days a program's conversations are kept; without a row they stay for good."""

    __tablename__ = "program_retention"

    program_id: Mapped[int] = mapped_column(
        ForeignKey("chatbot_contents.id", ondelete="CASCADE"), primary_key=True
    )
    days: Mapped[int] = mapped_column(Integer)
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    set_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class FilePart(Base):
    """A megabyte of a file that a job made, so that every web server can hand it out."""

    __tablename__ = "file_parts"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)

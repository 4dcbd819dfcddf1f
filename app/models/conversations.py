"""What was said: one row per question and answer, in the table of the legacy application."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime


class Exchange(Base):
    """A question and its answer. The legacy table has no foreign keys, and none are added."""

    __tablename__ = "chat_history"
    __table_args__ = (
        Index("ix_chat_history_user_id", "user_id"),
        Index("ix_chat_history_program_code", "program_code"),
        Index("ix_chat_history_timestamp", "timestamp"),
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

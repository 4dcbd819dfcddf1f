"""What was said, one row per question and answer in the legacy table; how long, and files of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
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
        Index("ix_chat_history_memory", "user_id", "is_visible", "timestamp"),
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


def folded(*texts: str | None) -> str:
    """What a search compares with: the texts in folded case, a line each."""
    return "\n".join(text.casefold() for text in texts if text)


def _words(context: Any) -> str:
    row = context.get_current_parameters()
    return folded(row.get("title"), row["summary"], *row["raw_text"])


class SavedConversation(Base):
    """A conversation that was held elsewhere, in ChatGPT, and saved here by its person."""

    __tablename__ = "saved_conversations"
    __table_args__ = (
        Index("ix_saved_conversations_page", "user_id", "created_at", "id"),
        Index("ix_saved_conversations_when", "created_at", "id"),
        UniqueConstraint("user_id", "once"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """A UUID; a random one where it was not brought along."""
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str | None] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(String(500))
    raw_text: Mapped[list[str]] = mapped_column(JSON)
    """What was said, a line for each turn, as the client wrote it: text, never instructions."""
    characters: Mapped[int] = mapped_column(Integer)
    """Of `raw_text`, so that a page is filled without reading what does not fit."""
    words: Mapped[str | None] = mapped_column(Text, default=_words)
    """What a search looks through: all of the text, `folded`."""
    content_hash: Mapped[str] = mapped_column(String(64))
    """Of what was saved first, whatever it was changed to: a second save is told by it."""
    once: Mapped[str | None] = mapped_column(String(80))
    """By what a second save is known for the same: the client's key, or for a while the content."""
    client: Mapped[str | None] = mapped_column(String(64))
    """The name of the key that saved it."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ProgramRetention(Base):
    """For how many days a program's conversations are kept; without a row they stay for good."""

    __tablename__ = "program_retention"

    program_id: Mapped[int] = mapped_column(
        ForeignKey("chatbot_contents.id", ondelete="CASCADE"), primary_key=True
    )
    days: Mapped[int] = mapped_column(Integer)
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    set_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class FormerRetention(Base):
    """The days of a program that is gone, whose conversations, which stay, still end by them."""

    __tablename__ = "former_retention"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(100))
    days: Mapped[int] = mapped_column(Integer)


class FilePart(Base):
    """A megabyte of a file that a job made, so that every web server can hand it out."""

    __tablename__ = "file_parts"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)

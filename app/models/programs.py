"""What can be opened: programs, the LO Root IDs that open them, and the quota ledger."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, UtcDateTime


class Program(Base):
    """A program, in the table and columns of the legacy application."""

    __tablename__ = "chatbot_contents"
    __table_args__ = (UniqueConstraint("code"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text, deferred=True)
    is_active: Mapped[bool | None] = mapped_column(Boolean, default=True)
    char_limit: Mapped[int | None] = mapped_column(Integer, default=50000)
    """Characters that `content` may have."""
    created_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    quota: Mapped[int] = mapped_column(Integer, default=3)
    """Questions per person and UTC day."""
    intro_message: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(String(50), default="standard")
    system_prompt_role: Mapped[str | None] = mapped_column(Text)
    system_prompt_guidelines: Mapped[str | None] = mapped_column(Text)
    disclaimer_text: Mapped[str | None] = mapped_column(Text)
    """What a learner accepts before the first question; nothing where it is empty."""
    disclaimer_required: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    disclaimer_version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    """Grows when the text changes: an older acceptance no longer counts."""
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it went to the trash, which closes it to learners; NULL where it is not there."""
    version: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Grows with every change, so that no admin overwrites what they never saw."""

    lo_root_ids: Mapped[list[ProgramLoRootId]] = relationship(
        cascade="all, delete-orphan", lazy="selectin", order_by="ProgramLoRootId.lo_root_id"
    )


class ProgramLoRootId(Base):
    """An LO Root ID that opens a program; a program without any is open to all who are in."""

    __tablename__ = "chatbot_lo_root_association"

    chatbot_id: Mapped[int] = mapped_column(ForeignKey("chatbot_contents.id"), primary_key=True)
    lo_root_id: Mapped[str] = mapped_column(String, primary_key=True)


class DisclaimerAcceptance(Base):
    """That somebody accepted a program's disclaimer, word by word, in the legacy table."""

    __tablename__ = "disclaimer_acceptances"
    __table_args__ = (Index("ix_disclaimer_acceptances_whose", "user_id", "chatbot_code"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    user_email: Mapped[str | None] = mapped_column(String)
    user_last_name: Mapped[str | None] = mapped_column(String)
    chatbot_code: Mapped[str | None] = mapped_column(String(50))
    program_name: Mapped[str | None] = mapped_column(String(100))
    accepted_version: Mapped[int] = mapped_column(Integer)
    disclaimer_text_snapshot: Mapped[str] = mapped_column(Text)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class QuotaUse(Base):
    """How many questions somebody asked a program on a UTC day; outlives every deleted chat."""

    __tablename__ = "quota_uses"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    program_id: Mapped[int] = mapped_column(
        ForeignKey("chatbot_contents.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    used: Mapped[int] = mapped_column(Integer)


class Emergency(Base):
    """At most one row: until when every program is open to everybody who is signed in, and why.

    While it is there and `ends_at` is to come the switch is on; it goes when that is over.
    """

    __tablename__ = "emergency"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(500))
    began_by: Mapped[int | None] = mapped_column(Integer)
    """Who switched it on, without a foreign key: it outlives the account. NULL for a command."""

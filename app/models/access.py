"""Proofs and presence: sessions, one-time codes, and the counts of wrong tries."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime


class Purpose(StrEnum):
    """What a code was asked for; it opens nothing else."""

    REGISTRATION = "registration"
    RESET = "reset"
    SETUP = "setup"
    UNPAUSE = "unpause"


class SignInSession(Base):
    """That somebody is signed in somewhere; only the hash of the cookie's token is here."""

    __tablename__ = "sessions"
    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_sessions_user_id", "user_id"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    method: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """The absolute end, which activity never moves."""
    idle_seconds: Mapped[int | None] = mapped_column(Integer)
    """Seconds without a request that end it; NULL where it was to be remembered."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[str | None] = mapped_column(String(32))
    ip: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(400))
    device: Mapped[str | None] = mapped_column(String(32))
    """The random name of the browser, as its device cookie carries it."""
    proved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When this session's person last proved who they are: at sign-in, or when asked again."""


class Code(Base):
    """Six digits that were mailed, as a keyed hash."""

    __tablename__ = "codes"
    __table_args__ = (Index("ix_codes_address", "address", "purpose"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(32))
    address: Mapped[str] = mapped_column(String(254))
    secret_hash: Mapped[str | None] = mapped_column(String(64))
    """NULL for a code that nobody was sent: it keeps every answer equally expensive."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FormerPassword(Base):
    """The hash of a password that somebody had, so that it is not taken again."""

    __tablename__ = "former_passwords"
    __table_args__ = (Index("ix_former_passwords_user_id", "user_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    password_hash: Mapped[str] = mapped_column(String(255))
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TryCount(Base):
    """How often something was tried within a window that began with the first try."""

    __tablename__ = "try_counts"
    __table_args__ = (Index("ix_try_counts_window_ends_at", "window_ends_at"),)

    scope: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject: Mapped[str] = mapped_column(String(254), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    window_ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    open_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Before this moment no further try is taken: the wait grows with each one."""
    in_a_row: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Tries since the last good one, over all windows."""

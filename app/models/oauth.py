"""Who else may act for people: the clients that were made here, and what they hold meanwhile."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime


class Client(Base):
    """A module or page of others that our sign-in widget may stand in."""

    __tablename__ = "clients"
    __table_args__ = (UniqueConstraint("client_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    client_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(64))
    origins: Mapped[list[str]] = mapped_column(JSON)
    """Exactly these web origins (RFC 6454) may use it."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ClientCode(Base):
    """What a page of others gets in place of tokens: good once, for a minute, with a verifier."""

    __tablename__ = "client_codes"
    __table_args__ = (Index("ix_client_codes_expires_at", "expires_at"),)

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(64))
    origin: Mapped[str] = mapped_column(String(254))
    challenge: Mapped[str] = mapped_column(String(43))
    """Of the verifier, by S256 (RFC 7636 §4.2)."""
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    method: Mapped[str] = mapped_column(String(32))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

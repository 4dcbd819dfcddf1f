"""What is kept about the audit log: its chain's head and checkpoints, floods, and roll-ups."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime


class AuditHead(Base):
    """One row: where the chain of sealed entries ends. Moving it claims the next numbers."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_no: Mapped[int] = mapped_column(Integer)
    chain: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str] = mapped_column(String(8))
    signature: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the newest part of the chain was looked at last."""
    verified_no: Mapped[int | None] = mapped_column(Integer)
    problem: Mapped[str | None] = mapped_column(Text)
    """What was found wrong then; NULL where all of it held."""


class AuditCheckpoint(Base):
    """A signed link of the chain, kept apart from its entry."""

    __tablename__ = "audit_checkpoints"

    no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    chain: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str] = mapped_column(String(8))
    signature: Mapped[str] = mapped_column(String(64))
    pruned: Mapped[bool] = mapped_column(Boolean)
    """Whether all entries up to this one were pruned, so that the chain begins after it."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditFlood(Base):
    """How many refusals of one kind one network got within a window."""

    __tablename__ = "audit_floods"

    event: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64), primary_key=True)
    reason: Mapped[str] = mapped_column(String(64), primary_key=True)
    network: Mapped[str] = mapped_column(String(64), primary_key=True)
    begins_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    count: Mapped[int] = mapped_column(Integer)


class AuditRollup(Base):
    """How many events of one sort an hour, day, week or month saw."""

    __tablename__ = "audit_rollups"

    period: Mapped[str] = mapped_column(String(8), primary_key=True)
    event: Mapped[str] = mapped_column(String(64), primary_key=True)
    begins_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    kind: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The method, the kind of mail, the program: what the event is about."""
    reason: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)


class ActivePerson(Base):
    """That somebody did something in a day, week or month, so that they are counted once."""

    __tablename__ = "active_people"

    period: Mapped[str] = mapped_column(String(8), primary_key=True)
    begins_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, primary_key=True)


class Figure(Base):
    """A number that takes long to find out, as the worker found it last."""

    __tablename__ = "figures"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UtcDateTime)

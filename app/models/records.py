"""What happened, what goes out and what is to be done: audit entries, messages, jobs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime, index_where


class MessageState(StrEnum):
    """Where a message stands. `held` ones were kept back by a cap and are never sent."""

    FAILED = "failed"
    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    SHOWN = "shown"


class Channel(StrEnum):
    """What carries a message: the recipient is an address, or a number in E.164."""

    MAIL = "mail"
    WHATSAPP = "whatsapp"


class JobState(StrEnum):
    """Where a job stands."""

    DONE = "done"
    FAILED = "failed"
    QUEUED = "queued"
    RUNNING = "running"
    STOPPED = "stopped"


def _sparse(name: str, column: str, *more: str) -> Index:
    """An index of those rows alone that have anything in `column`, as hardly any do."""
    return index_where(f"{column} IS NOT NULL", name, column, *more)


class AuditEntry(Base):
    """One event. There is no foreign key: an entry outlives whom it is about."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_at", "at"),
        Index("ix_audit_entries_user_id", "user_id", "id"),
        _sparse("ix_audit_entries_actor_id", "actor_id", "id"),
        Index("ix_audit_entries_event", "event", "id"),
        _sparse("ix_audit_entries_address", "address", "id"),
        Index("ix_audit_entries_ip", "ip", "id"),
        Index("ix_audit_entries_reference", "reference"),
        Index("ix_audit_entries_sealed_no", "sealed_no", unique=True),
        index_where("sealed_no IS NULL", "ix_audit_entries_unsealed", "id"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    event: Mapped[str] = mapped_column(String(64))
    actor_id: Mapped[int | None] = mapped_column(Integer)
    user_id: Mapped[int | None] = mapped_column(Integer)
    ip: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(400))
    reference: Mapped[str | None] = mapped_column(String(16))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    address: Mapped[str | None] = mapped_column(String(254))
    """The canonical address that the details name, so that it can be looked for."""
    sealed_no: Mapped[int | None] = mapped_column(Integer)
    """Its place in the chain, from 1 without a gap; NULL until the worker sealed it."""
    details_hash: Mapped[str | None] = mapped_column(String(64))
    chain: Mapped[str | None] = mapped_column(String(64))
    key_id: Mapped[str | None] = mapped_column(String(8))
    """Which key sealed it: a name for the key, and nothing of it."""


class OutgoingMessage(Base):
    """A message to be sent, written in the transaction of the change that causes it."""

    __tablename__ = "outgoing_messages"
    __table_args__ = (
        Index("ix_outgoing_messages_state", "state", "due_at"),
        Index("ix_outgoing_messages_recipient", "recipient", "created_at"),
        Index("ix_outgoing_messages_created_at", "created_at"),
        Index("ix_outgoing_messages_standing", "state", "created_at"),
        Index("ix_outgoing_messages_kind", "kind", "created_at"),
        Index("ix_outgoing_messages_user_id", "user_id"),
        _sparse("ix_outgoing_messages_provider_id", "provider_id"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(48))
    recipient: Mapped[str] = mapped_column(String(254))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    locale: Mapped[str | None] = mapped_column(String(35))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    sealed: Mapped[str | None] = mapped_column(Text)
    """The code, encrypted; wiped once the message left."""
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When to try (again); for one that is being sent, until when it is claimed."""
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str | None] = mapped_column(Text)
    """The whole mail as it would have left: only in development without a mail server."""
    channel: Mapped[str] = mapped_column(
        String(16), default=Channel.MAIL.value, server_default=Channel.MAIL.value
    )
    """A `Channel`."""
    provider_id: Mapped[str | None] = mapped_column(String(64))
    """How the provider that took it calls it, so that its reports find it."""
    provider_state: Mapped[str | None] = mapped_column(String(16))
    """What the provider said of it last, in its own word."""


class Carrier(Base):
    """A provider of a channel, and whether it answered when it was last looked at."""

    __tablename__ = "carriers"

    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    looked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """NULL while it answers."""
    error: Mapped[str | None] = mapped_column(Text)


class Job(Base):
    """Work for the worker: what kind, how far it is, and what came of it."""

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state", "state", "claimed_until"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What it needs and, once it is over, what came of it."""
    done: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int | None] = mapped_column(Integer)
    """How much there is to do; NULL while that is not known."""
    note: Mapped[str | None] = mapped_column(String(200))
    """Which step it is at, in the words of the code."""
    error: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    stop_asked: Mapped[bool] = mapped_column(Boolean, default=False)
    worker: Mapped[str | None] = mapped_column(String(80))
    """Which process claimed it last: machine, process id, start of that process."""
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

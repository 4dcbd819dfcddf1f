"""Proofs and presence: sessions, ways to sign in, codes, keys, and the counts of wrong tries."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime


class Purpose(StrEnum):
    """What a code was asked for; it opens nothing else."""

    API = "api"
    CREATE = "create"
    GPT = "gpt"
    PHONE = "phone"
    REGISTRATION = "registration"
    RESET = "reset"
    SETUP = "setup"
    SIGN_IN = "sign_in"
    UNPAUSE = "unpause"


class CredentialKind(StrEnum):
    """A way to sign in beside the password."""

    GITHUB = "github"
    GOOGLE = "google"
    OIDC = "oidc"
    PHONE = "phone"
    PIN = "pin"


class Registration(Base):
    """That somebody asked for an account, or to come in by a way whose address nobody vouched for.

    Its token is the limited session of the browser that asked. The row names the address and never
    a user: whether there is an account must not be told by it.
    """

    __tablename__ = "registrations"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_registrations_address", "address"),
        Index("ix_registrations_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(254))
    email: Mapped[str] = mapped_column(String(254))
    """As it was typed, or as the provider had it."""
    full_name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    """It becomes the account's when the address is proven in this session, and never else."""
    kind: Mapped[str | None] = mapped_column(String(16))
    """A `CredentialKind` that waits for the same proof, with its `identifier`."""
    identifier: Mapped[str | None] = mapped_column(String(254))
    remember: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


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
    audience: Mapped[str | None] = mapped_column(String(16))
    """For whom its tokens are; NULL for a browser with a cookie."""
    client: Mapped[str | None] = mapped_column(String(64))
    """Through which client or key it was opened, by name; NULL for our own pages."""
    refresh_hash: Mapped[str | None] = mapped_column(String(64))
    """The hash of the one secret that renews its tokens; NULL where nothing does."""


class Credential(Base):
    """A way to sign in that somebody has: a phone number, a PIN with its passphrase."""

    __tablename__ = "credentials"
    __table_args__ = (
        UniqueConstraint("kind", "identifier"),
        Index("ix_credentials_user_id", "user_id", "kind"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    identifier: Mapped[str] = mapped_column(String(254))
    """What names it among those of its kind: the number in E.164, the digits of the PIN."""
    secret_hash: Mapped[str | None] = mapped_column(String(255))
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SigningKey(Base):
    """A key pair for tokens. The newest one signs; older ones verify until their tokens died."""

    __tablename__ = "signing_keys"
    __table_args__ = (UniqueConstraint("kid"),)

    serial: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """From 1; of two processes that make the next one at once, one wins."""
    kid: Mapped[str] = mapped_column(String(43))
    """Its thumbprint (RFC 7638)."""
    public: Mapped[dict[str, Any]] = mapped_column(JSON)
    sealed: Mapped[str] = mapped_column(Text)
    """The private key as a JWK, encrypted under the secret key of the installation."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiKey(Base):
    """A key by which a program may knock; it says which program, never which person."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("secret_hash"), Index("ix_api_keys_name", "name"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    secret_hash: Mapped[str] = mapped_column(String(64))
    shown: Mapped[str] = mapped_column(String(12))
    """Its first characters, by which an admin tells it from another."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


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

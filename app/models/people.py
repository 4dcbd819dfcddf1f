"""Who there is: users, what they hold and why, and the roles they were given."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from flask_login import UserMixin
from sqlalchemy import (
    JSON,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    false,
    select,
    true,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import hashing
from app.addresses import BadAddress, canonical
from app.database import Base, UtcDateTime, index_where


class Status(StrEnum):
    """The spellings of `users.status` that we write; reading trims and ignores case."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"


class CameBy(StrEnum):
    """By which door an account was made that no list and no admin vouches for."""

    CHAT = "chat"
    CODE = "code"
    OPEN = "open"


class Source(StrEnum):
    """Why somebody holds an LO Root ID."""

    ADMIN = "admin"
    LEGACY = "legacy"
    ROSTER = "roster"


def _few(name: str, condition: str) -> Index:
    """An index of the ids of those alone for whom the SQL `condition` holds."""
    return index_where(condition, name, "id")


class User(UserMixin, Base):
    """A person with an account. Columns up to `password_hash` are the legacy application's."""

    __tablename__ = "users"
    __table_args__ = (
        Index("ix_users_email", "email", unique=True),
        Index("ix_users_address", "address", unique=True),
        index_where("shared_address IS NOT NULL", "ix_users_shared_address", "shared_address"),
        # What the list of people is sorted by, and the few among many that it is filtered by.
        # The indexes by name, by address and of their parts are the migration's alone: each
        # database has its own way of saying them.
        Index("ix_users_last_seen_at", "last_seen_at", "id"),
        Index("ix_users_expiry_date", "expiry_date", "id"),
        _few("ix_users_not_active", "lower(trim(status)) <> 'active'"),
        _few("ix_users_without_password", "password_hash IS NULL"),
        _few("ix_users_off_list", "from_roster AND NOT listed"),
        _few("ix_users_never_listed", "NOT from_roster"),
        # Whom nobody confirmed: they are looked through to be tidied away.
        index_where(
            "came_by = 'open' AND verified_at IS NULL", "ix_users_never_proven", "date_added"
        ),
        # An id is never given out twice: chats name their owner by it without a foreign key.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    last_name: Mapped[str] = mapped_column(String)
    email: Mapped[str] = mapped_column(String)
    visit_count: Mapped[int | None] = mapped_column(Integer, default=0)
    status: Mapped[str] = mapped_column(String, default=Status.ACTIVE.value)
    date_added: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expiry_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    """NULL for who has no password: a text that nobody can sign in with never stays here."""
    address: Mapped[str | None] = mapped_column(String(254))
    """The canonical form of `email`; NULL where two legacy accounts share one, and where `email`
    is no address."""
    shared_address: Mapped[str | None] = mapped_column(String(254))
    """The canonical form that several legacy accounts share: each is found by the exact spelling
    of its `email` alone, and nobody new gets the form. NULL for everybody else."""
    enforced: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    """Whether `status` and `expiry_date` keep this person out. False for a row that came with a
    legacy database, which never enforced them, until the maintainer chose at `adopt`."""
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a mailed code or link last proved that the mailbox is this person's."""
    from_roster: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether a roster ever vouched for this account: only then can leaving the list close it."""
    locale: Mapped[str | None] = mapped_column(String(35))
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When any of their sessions was last used; written with the session's own moment."""
    listed: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether the list in force has an active line of theirs, for lists of people alone: who may
    enter is read from the lines themselves."""
    came_by: Mapped[str | None] = mapped_column(String(16))
    """A `CameBy`; NULL for who was listed, invited, adopted or made by an admin. A listed person
    whose account a chat asked for has `chat` until it is confirmed there."""

    @property
    def public_id(self) -> str:
        """How programs outside know this person; it is never given out twice."""
        return f"u_{self.id}"

    @staticmethod
    def id_of(public_id: str) -> int:
        """The id of the person whom programs know by this name. Raises `ValueError` for no name."""
        prefix, _, digits = public_id.partition("u_")
        if prefix or not digits.isdecimal():
            raise ValueError(public_id)
        return int(digits)

    @property
    def is_named(self) -> bool:
        """Whether a list or an admin says the last name, and not whoever asked for the account."""
        asked_for = self.from_roster and self.came_by == CameBy.CHAT.value
        return self.came_by is None or asked_for

    @property
    def mailbox(self) -> str:
        """Where mail for this person goes, and what their codes are bound to."""
        return self.address or self.email.strip()

    @property
    def counted_as(self) -> str:
        """The canonical address under which tries to be this person are counted."""
        return self.address or self.shared_address or self.email.strip()

    def set_password(self, password: str, *, rounds: int = 12) -> None:
        """Hash `password` at bcrypt cost `rounds` and keep the hash."""
        self.password_hash = hashing.hash_password(password, rounds=rounds)

    def check_password(self, password: str, *, rounds: int = 12) -> bool:
        """Whether `password` is this person's; takes as long where none is set."""
        return hashing.verify_password(password, self.password_hash, rounds=rounds)

    def has_password(self) -> bool:
        """Whether a password is set that we can read."""
        return hashing.is_readable(self.password_hash)

    @classmethod
    def get_by_email(cls, db: Session, email: str) -> User | None:
        """The person with this address, in any spelling; None if there is none.

        Two legacy accounts that share one address are not found: `core.people.users.find` tells
        them apart.
        """
        try:
            address = canonical(email)
        except BadAddress:
            return None
        return db.scalar(select(cls).where(cls.address == address))


class Profile(Base):
    """What somebody says of themselves; who came by the list has none until they say it."""

    __tablename__ = "profiles"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    full_name: Mapped[str | None] = mapped_column(String(200))
    country: Mapped[str | None] = mapped_column(String(2))
    """ISO 3166-1 alpha-2."""


class UserLoRootId(Base):
    """An LO Root ID that somebody holds, whatever the reason: this is what access reads."""

    __tablename__ = "user_lo_root_ids"
    # The person stands in the index too: who holds an id is counted and paged from it alone.
    __table_args__ = (Index("ix_user_lo_root_ids_holders", "lo_root_id", "user_id"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    lo_root_id: Mapped[str] = mapped_column(String, primary_key=True)


class Entitlement(Base):
    """Why somebody holds an LO Root ID; `user_lo_root_ids` is the union of these rows."""

    __tablename__ = "entitlements"
    # Of most entitlements the reason is the list: the few that admins gave are found here.
    __table_args__ = (index_where("source = 'admin'", "ix_entitlements_by_hand", "user_id"),)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    lo_root_id: Mapped[str] = mapped_column(String, primary_key=True)
    source: Mapped[str] = mapped_column(String(16), primary_key=True)
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Role(Base):
    """A named set of permissions."""

    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    permissions: Mapped[list[str]] = mapped_column(JSON)
    version: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Grows with every change of this role and of who has it: the stamp of the links that offer
    it, and of the pages that show what a change would do."""


class RoleGrant(Base):
    """That somebody was given a role, when and by whom."""

    __tablename__ = "role_grants"
    __table_args__ = (Index("ix_role_grants_role_id", "role_id", "user_id"),)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    role_id: Mapped[int] = mapped_column(
        ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True
    )
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    granted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))

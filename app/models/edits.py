"""What admins set by hand for people of an import, and what of it gave way to the file."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, false
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime


class RosterEdit(Base):
    """Somebody for whom an admin set something by hand that an import would change or take.

    `last_name`, `ids`, `status` and `expiry` say what would give way to the file: of who is not
    named by it nothing would. What stood there before is kept for an undo, and goes with the
    account.
    """

    __tablename__ = "roster_edits"
    __table_args__ = (Index("ix_roster_edits_import_id", "import_id", "address"),)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    import_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    address: Mapped[str] = mapped_column(String(254))
    """Of the account, when the import was checked."""
    last_name: Mapped[str] = mapped_column(String, default="")
    """The file's last name; empty where the one of the account would stay."""
    ids: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether an admin gave an LO Root ID that the file does not have."""
    status: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    expiry: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    yielded: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether something of it gave way."""
    former_name: Mapped[str | None] = mapped_column(String)
    """The name before, and so on; NULL where it did not give way."""
    former_status: Mapped[str | None] = mapped_column(String)
    former_expiry: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """NULL is never, where `given_expiry` says that the date gave way."""
    given_expiry: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TakenId(Base):
    """An LO Root ID that an admin had given, and that a file took away."""

    __tablename__ = "roster_taken_ids"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    import_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    lo_root_id: Mapped[str] = mapped_column(String, primary_key=True)
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)

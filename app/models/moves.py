"""Where an account's address was before its person changed it themselves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime


class AddressMove(Base):
    """That somebody gave their account another address: what the mail to the old one undoes.

    It outlives every later change of password or address, which a thief could make to keep the
    owner out, and goes when the mail's link has run out.
    """

    __tablename__ = "address_moves"
    __table_args__ = (
        Index("ix_address_moves_user_id", "user_id"),
        Index("ix_address_moves_moved_at", "moved_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(String)
    """The old address as it was spelt, and its two canonical forms as they stood in `users`."""
    address: Mapped[str | None] = mapped_column(String(254))
    shared_address: Mapped[str | None] = mapped_column(String(254))
    to_address: Mapped[str] = mapped_column(String(254))
    """The canonical form of the new one."""
    moved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

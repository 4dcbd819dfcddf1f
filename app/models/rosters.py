"""Who may enter: the list in force, the imports that made it, and what an import would change."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.database import Base, UtcDateTime


class ImportState(StrEnum):
    """Where an import stands."""

    APPLIED = "applied"
    CHECKED = "checked"
    DISCARDED = "discarded"


class Change(StrEnum):
    """What an import does to a person, seen by who may enter before and after it."""

    ADDED = "added"
    CHANGED = "changed"
    INACTIVE = "inactive"
    """Lines come, go or change, but the person could not enter before and cannot after."""
    REMOVED = "removed"


class RosterImport(Base):
    """One file that was checked, and what became of it. Counts are people but for `lines`."""

    __tablename__ = "roster_imports"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    file_name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    encoding: Mapped[str] = mapped_column(String(16))
    delimiter: Mapped[str] = mapped_column(String(1))
    headed: Mapped[bool] = mapped_column(Boolean)
    sample: Mapped[str | None] = mapped_column(String)
    """A name with an accent from the file, so that a person can see whether it was read right."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    applied_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    compared_with: Mapped[int | None] = mapped_column(Integer)
    """The import in force when this one was checked; NULL if there was none."""
    lines: Mapped[int] = mapped_column(Integer, default=0)
    people: Mapped[int] = mapped_column(Integer, default=0)
    inactive: Mapped[int] = mapped_column(Integer, default=0)
    added: Mapped[int] = mapped_column(Integer, default=0)
    removed: Mapped[int] = mapped_column(Integer, default=0)
    changed: Mapped[int] = mapped_column(Integer, default=0)
    unchanged: Mapped[int] = mapped_column(Integer, default=0)
    problems: Mapped[int] = mapped_column(Integer, default=0)
    remarks: Mapped[int] = mapped_column(Integer, default=0)


class ListInForce(Base):
    """One row: which import made the list in force. Changing it claims the replacement."""

    __tablename__ = "list_in_force"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    import_id: Mapped[int | None] = mapped_column(ForeignKey("roster_imports.id"))


class LineColumns:
    """The columns of a roster line; a line with several LO Root IDs is several rows."""

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    line: Mapped[int] = mapped_column(Integer)
    user_code: Mapped[str] = mapped_column(String)
    last_name: Mapped[str] = mapped_column(String)
    surname_key: Mapped[str] = mapped_column(String)
    email: Mapped[str] = mapped_column(String)
    address: Mapped[str] = mapped_column(String(254))
    status: Mapped[str] = mapped_column(String)
    active: Mapped[bool] = mapped_column(Boolean)
    class_name: Mapped[str] = mapped_column(String)
    date: Mapped[str] = mapped_column(String)
    lo_root_id: Mapped[str] = mapped_column(String)
    """Empty where the line names none: the person may enter, and holds nothing by it."""

    @declared_attr
    @classmethod
    def import_id(cls) -> Mapped[int]:
        """The import that brought the line."""
        return mapped_column(ForeignKey("roster_imports.id", ondelete="CASCADE"))


class RosterLine(LineColumns, Base):
    """A line of the list in force."""

    __tablename__ = "roster_lines"
    __table_args__ = (Index("ix_roster_lines_address", "address"),)


class StagedLine(LineColumns, Base):
    """A line of a file that was checked and is not applied."""

    __tablename__ = "roster_staged_lines"
    __table_args__ = (Index("ix_roster_staged_lines_import_id", "import_id", "address"),)


class RosterProblem(Base):
    """A line of a file that cannot be taken, or a remark about one that can."""

    __tablename__ = "roster_problems"
    __table_args__ = (Index("ix_roster_problems_import_id", "import_id", "line"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("roster_imports.id", ondelete="CASCADE"))
    line: Mapped[int] = mapped_column(Integer)
    column: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(String(254))
    is_remark: Mapped[bool] = mapped_column(Boolean)


class RosterChange(Base):
    """What an import does, or did, to one person."""

    __tablename__ = "roster_changes"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("roster_imports.id", ondelete="CASCADE"), primary_key=True
    )
    address: Mapped[str] = mapped_column(String(254), primary_key=True)
    change: Mapped[str] = mapped_column(String(16))
    last_name: Mapped[str] = mapped_column(String)
    gained: Mapped[str] = mapped_column(Text, default="")
    """LO Root IDs that come, joined by `;`."""
    lost: Mapped[str] = mapped_column(Text, default="")
    """LO Root IDs that go, joined by `;`."""

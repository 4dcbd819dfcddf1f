"""Who may enter: the list in force, the imports that made it, and what an import would change."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime, index_where


class ImportState(StrEnum):
    """Where an import stands. The worker has it while it is `checking` and `applying`."""

    APPLIED = "applied"
    APPLYING = "applying"
    CHECKED = "checked"
    CHECKING = "checking"
    DISCARDED = "discarded"
    FAILED = "failed"
    HELD = "held"
    UNDONE = "undone"
    UPLOADED = "uploaded"


class Mode(StrEnum):
    """What a file does to the list in force."""

    ADD = "add"
    """Its lines come to those that are there; nobody goes and nothing is taken away."""
    REPLACE = "replace"
    """It is the list from then on."""


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
    mode: Mapped[str] = mapped_column(
        String(8), default=Mode.REPLACE.value, server_default=Mode.REPLACE.value
    )
    mapping: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))
    """Where our columns stand in the file, by name, from 0; NULL where nobody said or guessed."""
    columns: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """The file's columns as read: `name` (empty without a header) and the first `values`."""
    size: Mapped[int | None] = mapped_column(BigInteger)
    """Bytes of the uploaded file."""
    people_before: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Who could enter by the list that this import was compared with."""
    people_after: Mapped[int | None] = mapped_column(Integer)
    lines_after: Mapped[int | None] = mapped_column(Integer)
    """Of the list that it made, counted once when it was applied."""
    back: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Of those who are added: who stood in an earlier list and was taken off it."""
    losing_program: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    losing_session: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    edited: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """For whom an admin set by hand what the file would change or take: it stays."""
    yielding: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Of those: whom the file names, so that it would win where somebody ticks that it does."""
    file_wins: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether somebody ticked that the file wins over what admins set by hand."""
    yielded: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """For how many people it won; of an import that takes one back, how many got theirs back."""
    pairs: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Of those who go and those who come: who may be the same person with a new address."""
    pairs_confirmed: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    held: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """The rules that hold it back (`core.roster.holding`); NULL or empty if none does."""
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When those who may let it go were told by mail that it is held, which is done once."""
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the first of two admins let a held import go."""
    asked_by: Mapped[int | None] = mapped_column(Integer)
    confirmed_by: Mapped[int | None] = mapped_column(Integer)
    """The second admin. Like `asked_by` an id without a foreign key: it outlives the account."""
    undoes: Mapped[int | None] = mapped_column(Integer)
    """The import that this one takes back."""
    job_id: Mapped[int | None] = mapped_column(Integer)
    """The newest job of this import."""
    failure: Mapped[str | None] = mapped_column(Text)
    """Why it failed, in words."""
    seconds: Mapped[float | None] = mapped_column(Float)
    """How long applying it took."""


class RosterUpload(Base):
    """A part of an uploaded file, in order, so that any worker can read it."""

    __tablename__ = "roster_uploads"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("roster_imports.id", ondelete="CASCADE"), primary_key=True
    )
    part: Mapped[int] = mapped_column(Integer, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


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
    mark: Mapped[int | None] = mapped_column(BigInteger)
    """A hash of the content (`core.roster.marks`): two lines are the same where theirs is. NULL
    for a line of an earlier version; the next check gives it one."""


class RosterLine(LineColumns, Base):
    """A line of the list in force, with the import that brought it."""

    __tablename__ = "roster_lines"
    __table_args__ = (
        Index("ix_roster_lines_whose", "address", "active", "mark"),
        Index("ix_roster_lines_surname_key", "surname_key"),
        # Lines of an earlier version, which are looked for before each check; mostly empty.
        index_where("mark IS NULL", "ix_roster_lines_unmarked", "id"),
    )

    import_id: Mapped[int] = mapped_column(Integer)


class StagedPart(Base):
    """Lines that an import would bring for people who are new to the list, many packed together.

    Nothing is asked about them before they are applied, so that rows of a table would be for
    nothing. `core.roster.packs` has the format.
    """

    __tablename__ = "roster_staged_parts"

    import_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class StagedLine(LineColumns, Base):
    """A line that an import would bring for somebody who is on the list already."""

    __tablename__ = "roster_staged_lines"
    __table_args__ = (Index("ix_roster_staged_lines_import_id", "import_id", "address"),)

    import_id: Mapped[int] = mapped_column(Integer)


class FormerLine(LineColumns, Base):
    """A line that an import took out of the list, so that the import can be taken back."""

    __tablename__ = "roster_former_lines"
    __table_args__ = (Index("ix_roster_former_lines_import_id", "import_id", "address"),)

    import_id: Mapped[int] = mapped_column(Integer)
    """The import that took it out."""
    brought_by: Mapped[int] = mapped_column(Integer)
    """The import that had brought it."""


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
    cells: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """The line as it stands in the file; NULL where it is too long to keep."""


def _flagged(name: str) -> Index:
    """Finds the few of an import with this flag among all whom it changes, by address."""
    return Index(
        f"ix_roster_changes_{name}",
        "import_id",
        "address",
        sqlite_where=text(f"{name} = 1"),
        postgresql_where=text(name),
    )


class RosterChange(Base):
    """What an import does, or did, to one person."""

    __tablename__ = "roster_changes"
    __table_args__ = (
        # People who are added are often all there are, and are found by the key well enough.
        index_where(
            "change <> 'added'", "ix_roster_changes_others", "import_id", "change", "address"
        ),
        *(_flagged(name) for name in ("back", "loses_program", "loses_session")),
    )

    import_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    address: Mapped[str] = mapped_column(String(254), primary_key=True)
    change: Mapped[str] = mapped_column(String(16))
    last_name: Mapped[str] = mapped_column(String)
    gained: Mapped[str] = mapped_column(Text, default="")
    """LO Root IDs that come, joined by `;`."""
    lost: Mapped[str] = mapped_column(Text, default="")
    """LO Root IDs that go, joined by `;`."""
    back: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Added, and once taken off an earlier list."""
    loses_program: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    loses_session: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class SearchPart(Base):
    """People of a list of an import in one text, by address, so that they are searched at once.

    `core.roster.searchable` has the format. What is packed of those who do not change goes with
    the import that made the list in force.
    """

    __tablename__ = "roster_search_parts"

    import_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    """Which list: one of `core.roster.listing.KINDS`, or `core.roster.searching.OUT`."""
    last: Mapped[str] = mapped_column(
        String(254).with_variant(String(254, collation="C"), "postgresql"), primary_key=True
    )
    """The last address. Compared letter by letter, as the addresses were sorted."""
    people: Mapped[str] = mapped_column(Text)


class RosterPair(Base):
    """Somebody who goes and somebody who comes by the same import, who may be one person."""

    __tablename__ = "roster_pairs"

    import_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    former: Mapped[str] = mapped_column(String(254), primary_key=True)
    """The address of who goes."""
    address: Mapped[str] = mapped_column(String(254))
    """The address of who comes."""
    last_name: Mapped[str] = mapped_column(String)
    confirmed: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether an admin said that the two are one person."""
    user_id: Mapped[int | None] = mapped_column(Integer)
    """The account that moved from the one address to the other; before an undo is applied, the
    one account that may move. An id without a foreign key: it outlives the account."""

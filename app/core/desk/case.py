"""One person as they stand at the door: who is asked about, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core.errors import ImportSettled
from app.core.people import users
from app.core.proof.ways import NO_DOORS, Doors
from app.core.roster import imports
from app.database import LAST_ID
from app.models.people import Entitlement, RoleGrant, Source, User, UserLoRootId
from app.models.rosters import (
    Change,
    ImportState,
    Mode,
    RosterChange,
    RosterImport,
    RosterLine,
    StagedLine,
)

LONGEST = 254
MOST_LINES = 200
"""Lines of one person that are looked at."""

SETTLED = (ImportState.APPLIED.value, ImportState.DISCARDED.value)


@dataclass(frozen=True)
class Case:
    """What is known of one person.

    `lines` are theirs in the list in force, or as they will be once `pending` is applied.
    `change` is what that import does to them, None where it leaves them as they are.
    """

    address: str
    user: User | None
    shared: bool
    lines: list[RosterLine | StagedLine]
    ids: frozenset[str]
    """The LO Root IDs that they hold, or will hold."""
    other_right: str | None
    """What lets their account in without the list: `role`, `ids`, `never_listed`; or nothing."""
    has_list: bool
    pending: RosterImport | None = None
    change: Change | None = None
    doors: Doors = NO_DOORS
    """Which doors of the site stand open here."""

    @property
    def active_lines(self) -> list[RosterLine | StagedLine]:
        """The lines by which the list lets them in."""
        return [line for line in self.lines if line.active]

    @property
    def has_role(self) -> bool:
        """Whether they have a role."""
        return self.other_right == "role"

    @property
    def needs_list(self) -> bool:
        """Whether nothing but the list can let them in."""
        return self.other_right is None and not (self.user is None and self.doors.is_open)

    @property
    def name(self) -> str:
        """What they are called: a last name, or else the address."""
        if self.user is not None:
            return self.user.last_name or self.address
        return self.lines[0].last_name if self.lines else self.address


def is_number(typed: str) -> bool:
    """Whether what was typed can be the number of an account."""
    return typed.isascii() and typed.isdigit() and 0 < int(typed) <= LAST_ID


def find_address(db: Session, typed: str) -> tuple[str, User | None] | None:
    """Whom a typed address or number names: the canonical address, and the account if any.

    None for a number that nobody has. Raises `BadAddress` for what is neither.
    """
    if is_number(typed):
        user = db.get(User, int(typed), populate_existing=True)
        return (user.counted_as, user) if user else None
    address = canonical(typed)
    found = users.find(db, address, typed)
    return address, found[0] if found else None


def gather(
    db: Session,
    address: str,
    user: User | None,
    import_id: int | None,
    doors: Doors = NO_DOORS,
) -> Case:
    """What is known of this person, today or once an import is applied.

    Raises `NotFound` or `ImportSettled` for an import that cannot come into force.
    """
    pending = imports.get(db, import_id) if import_id is not None else None
    if pending is not None and pending.state in SETTLED:
        raise ImportSettled
    row = db.get(RosterChange, (pending.id, address)) if pending else None
    change = Change(row.change) if row else None
    # Whom the file leaves as they are keeps the lines that are in force.
    lines = _lines_after(db, row, pending) if row and pending else _lines(db, address)
    return Case(
        address=address,
        user=user,
        shared=users.is_shared(db, address),
        lines=lines,
        ids=_ids(db, user, lines, changed=change is not None),
        other_right=_other_right(db, user) if user else None,
        has_list=pending is not None or imports.in_force(db) is not None,
        pending=pending,
        change=change,
        doors=doors,
    )


def readable(typed: str) -> str:
    """What was typed, without outer blanks, as a database can compare it."""
    plain = typed.strip()[:LONGEST].encode("utf-8", "replace").decode()
    return plain.replace("\0", "")


def _lines(db: Session, address: str) -> list[RosterLine | StagedLine]:
    listed = select(RosterLine).where(RosterLine.address == address).order_by(RosterLine.id)
    return list(db.scalars(listed.limit(MOST_LINES)))


def _lines_after(
    db: Session, row: RosterChange, pending: RosterImport
) -> list[RosterLine | StagedLine]:
    if row.change == Change.ADDED.value:
        # The lines of who is new wait as the text that they are; what they give is in the row.
        shared = {"import_id": row.import_id, "last_name": row.last_name, "address": row.address}
        ids = row.gained.split(";")
        return [StagedLine(**shared, active=True, lo_root_id=each) for each in ids]
    staged = (
        select(StagedLine)
        .where(StagedLine.import_id == row.import_id, StagedLine.address == row.address)
        .order_by(StagedLine.id)
    )
    stay = _lines(db, row.address) if pending.mode == Mode.ADD.value else []
    return [*stay, *db.scalars(staged.limit(MOST_LINES))]


def _ids(
    db: Session, user: User | None, lines: list[RosterLine | StagedLine], *, changed: bool
) -> frozenset[str]:
    granted = {line.lo_root_id for line in lines if line.active and line.lo_root_id}
    if user is None:
        return frozenset(granted)
    if not changed:
        held = select(UserLoRootId.lo_root_id).where(UserLoRootId.user_id == user.id)
        return frozenset(db.scalars(held))
    kept = select(Entitlement.lo_root_id).where(
        Entitlement.user_id == user.id, Entitlement.source != Source.ROSTER.value
    )
    return frozenset(granted | set(db.scalars(kept)))


def _other_right(db: Session, user: User) -> str | None:
    by_hand = exists().where(
        Entitlement.user_id == user.id, Entitlement.source != Source.ROSTER.value
    )
    with_role = exists().where(RoleGrant.user_id == user.id)
    has_role, has_ids = db.execute(select(with_role, by_hand)).one()
    if has_role:
        return "role"
    if has_ids:
        return "ids"
    return None if user.from_roster else "never_listed"

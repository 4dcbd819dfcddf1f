"""Adopting a legacy database that is upgraded: everything in one transaction, with the proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import CursorResult, select, text, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import NOWHERE, Event
from app.core.desk.adopt import leftovers, listing, proof, repairs
from app.core.desk.adopt.choices import Choices
from app.core.desk.adopt.edits import Edits, carry_out
from app.core.desk.adopt.legacy import CHATS, HELD, Legacy
from app.core.desk.adopt.listing import Listed
from app.core.desk.adopt.proof import Line, Print
from app.core.roster import entitlements, imports
from app.models.people import User
from app.models.rosters import ListInForce, RosterImport, RosterLine


@dataclass
class Adopted:
    """What was done, and the proof of it; nothing may be committed unless it `holds`."""

    counts: dict[str, int] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether all is as it was, but for what was chosen."""
        return not any(line.differences for line in self.lines)


def adopt(
    db: Session, before: dict[str, Print], choices: Choices, listed: Listed | None
) -> Adopted:
    """Mend what was chosen, make `listed` the first list, and have status and expiry count.

    `before` is the print from before the upgrade. The caller commits if the proof holds, else it
    rolls back. Raises `UnfitChoice`, and the refusals of an import.
    """
    checked = _check_list(db, listed) if listed else None
    _hold_still(db)
    connection = db.connection()
    upgraded = proof.take(connection, like=before)
    former = proof.take(connection)
    legacy = Legacy(connection)
    repairs.check_choices(legacy, choices)
    edits = repairs.plan(legacy, choices)
    done = Adopted(dict(edits.counts))
    carry_out(db, edits)
    _settle_addresses(db, legacy, choices)
    if checked is not None:
        imports.apply(db, checked.id, by=None, origin=NOWHERE)
        done.counts["people on the first list"] = checked.people - checked.inactive
    if imports.in_force(db) is not None:
        _follow_list(db, legacy, edits, choices, is_first=checked is not None)
    if choices.drop_leftovers and legacy.leftovers:
        leftovers.drop(db, legacy, former)
        done.counts["leftovers dropped"] = len(legacy.leftovers)
    done.counts["people whose status and expiry count now"] = _enforce(db)
    found = proof.take(connection, like=former)
    done.lines = list(proof.compare(before, upgraded, proof.expect(former, edits), found))
    standing = {name: len(found[name].keys) for name in ("users", CHATS)}
    audit.record(db, Event.DATABASE_ADOPTED, NOWHERE, repairs=done.counts, standing=standing)
    db.flush()  # Whatever the database refuses is a failure here, not at the commit.
    return done


def has_work(legacy: Legacy, choices: Choices, listed: Listed | None) -> bool:
    """Whether adopting would change anything in a database that is upgraded."""
    return bool(
        listed
        or any(person.waits for person in legacy.people)
        or repairs.plan(legacy, choices)
        or (choices.drop_leftovers and legacy.leftovers)
    )


def _check_list(db: Session, listed: Listed) -> RosterImport:
    return imports.check(
        db,
        listed.stream(),
        file_name=listed.file_name,
        encoding=listed.encoding,
        by=None,
        origin=NOWHERE,
    )


def _hold_still(db: Session) -> None:
    """Let nobody else write until this transaction ends."""
    if db.get_bind().dialect.name == "postgresql":
        names = ", ".join(f'"{name}"' for name in sorted(proof.KEPT))
        db.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
    else:
        # A write that changes nothing begins the one writing transaction that SQLite allows.
        db.execute(update(ListInForce).values(id=ListInForce.id))


def _settle_addresses(db: Session, legacy: Legacy, choices: Choices) -> None:
    # With the others gone the address belongs to the account that stays.
    for kept in set(repairs.merging(legacy, choices).values()):
        values = {"address": legacy.forms[kept], "shared_address": None}
        db.execute(update(User).where(User.id == kept).values(values))


def _follow_list(
    db: Session, legacy: Legacy, edits: Edits, choices: Choices, *, is_first: bool
) -> None:
    """Make the roster's what it explains; what it grants beside that is expected by the proof."""
    entitlements.follow_list(db, User.address.in_(list(choices.merges)))
    if is_first or any(person.waits for person in legacy.people):
        listing.hand_over(db)
    granted = (
        select(User.id, RosterLine.lo_root_id)
        .join(RosterLine, RosterLine.address == User.address)
        .where(RosterLine.active.is_(True), RosterLine.lo_root_id != "")
    )
    held = (legacy.held - edits.gone[HELD]) | edits.come[HELD]
    edits.come[HELD] |= {(user, lo) for user, lo in db.execute(granted)} - held


def _enforce(db: Session) -> int:
    waiting = update(User).where(User.enforced.is_(False)).values(enforced=True)
    done = db.execute(waiting.execution_options(synchronize_session=False))
    return cast(CursorResult[Any], done).rowcount

"""Adopting a legacy database that is upgraded: everything in one transaction, with the proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import CursorResult, select, text, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import NOWHERE, Event
from app.core.desk.adopt import leftovers, listing, prints, proof, repairs
from app.core.desk.adopt.choices import Choices
from app.core.desk.adopt.edits import Edits, carry_out
from app.core.desk.adopt.legacy import CHATS, HELD, Legacy
from app.core.desk.adopt.listing import Listed
from app.core.desk.adopt.prints import Print
from app.core.desk.adopt.proof import Line
from app.core.roster import entitlements, imports
from app.models.people import Entitlement, Source, User
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
    db: Session,
    before: dict[str, Print],
    choices: Choices,
    listed: Listed | None,
    backup: dict[str, str] | None,
) -> Adopted:
    """Mend what was chosen, make `listed` the first list, and have status and expiry count.

    `before` is the print from before the upgrade, `backup` the path and checksum of what was
    saved then; None where this is tried on a copy. The caller commits if the proof holds, else it
    rolls back. Raises `UnfitChoice`, and the refusals of an import.
    """
    checked = _check_list(db, listed) if listed else None
    _hold_still(db)
    connection = db.connection()
    upgraded = prints.take(connection, like=before)
    former = prints.take(connection)
    legacy = Legacy(connection)
    repairs.check_choices(legacy, choices)
    edits = repairs.plan(legacy, choices)
    done = Adopted(dict(edits.counts))
    _move_entitlements(db, repairs.merging(legacy, choices))
    carry_out(db, edits)
    _settle_addresses(db, legacy, choices)
    _apply_list(db, legacy, edits, choices, checked, done)
    if choices.drop_leftovers and legacy.leftovers:
        leftovers.drop(db, legacy, former)
        done.counts["leftovers dropped"] = len(legacy.leftovers)
    done.counts["people whose status and expiry count now"] = _enforce(db)
    found = prints.take(connection, like=former)
    expected = proof.expect(former, edits, found)
    done.lines = list(proof.compare(before, upgraded, expected, found))
    _write_down(db, done, found, backup)
    return done


def _write_down(
    db: Session, done: Adopted, found: dict[str, Print], backup: dict[str, str] | None
) -> None:
    audit.record(
        db,
        Event.DATABASE_ADOPTED,
        NOWHERE,
        repairs=done.counts,
        standing={name: len(found[name].keys) for name in ("users", CHATS)},
        backup=backup or {},
    )
    db.flush()  # Whatever the database refuses is a failure here, not at the commit.


def has_work(legacy: Legacy, choices: Choices, listed: Listed | None) -> bool:
    """Whether adopting would change anything in a database that is upgraded."""
    return bool(
        listed
        or legacy.is_new
        or repairs.plan(legacy, choices)
        or (choices.drop_leftovers and legacy.leftovers)
    )


def _apply_list(
    db: Session,
    legacy: Legacy,
    edits: Edits,
    choices: Choices,
    checked: RosterImport | None,
    done: Adopted,
) -> None:
    if checked is not None:
        imports.apply(db, checked.id, by=None, origin=NOWHERE)
        done.counts["people on the first list"] = checked.people - checked.inactive
    if imports.in_force(db) is not None:
        _follow_list(db, legacy, edits, choices, is_first=checked is not None)


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
        names = ", ".join(f'"{name}"' for name in sorted(prints.KEPT))
        db.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
    else:
        # A write that changes nothing begins the one writing transaction that SQLite allows.
        db.execute(update(ListInForce).values(id=ListInForce.id))


def _settle_addresses(db: Session, legacy: Legacy, choices: Choices) -> None:
    # With the others gone the address belongs to the account that stays.
    for kept in set(repairs.merging(legacy, choices).values()):
        values = {"address": legacy.forms[kept], "shared_address": None}
        db.execute(update(User).where(User.id == kept).values(values))


def _move_entitlements(db: Session, merged: dict[int, int]) -> None:
    """Let the accounts that stay hold what the others held for the same reason."""
    query = select(Entitlement).where(Entitlement.user_id.in_(merged))
    for each in db.scalars(query).all():
        key = (merged[each.user_id], each.lo_root_id, each.source)
        if each.source != Source.LEGACY.value and db.get(Entitlement, key) is None:
            user_id, lo_root_id, source = key
            db.add(
                Entitlement(
                    user_id=user_id,
                    lo_root_id=lo_root_id,
                    source=source,
                    granted_at=each.granted_at,
                )
            )
            db.flush()


def _follow_list(
    db: Session, legacy: Legacy, edits: Edits, choices: Choices, *, is_first: bool
) -> None:
    """Make the roster's what it explains; what it grants beside that is expected by the proof."""
    entitlements.follow_list(db, User.address.in_(list(choices.merges)))
    if is_first or legacy.is_new:
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

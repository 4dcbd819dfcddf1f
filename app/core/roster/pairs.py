"""Who may be the same person with a new address: the list, and an admin's word about each pair.

Nobody's identity is guessed: a pair that nobody confirmed is somebody who goes and somebody who
comes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, exists, false, func, or_, select, true, update
from sqlalchemy.orm import Session

from app.core import audit, sheets
from app.core.audit import Event, Origin
from app.core.errors import ImportSettled, ListChanged
from app.core.roster import ledger, telling
from app.core.roster.holding import HoldLimits, hold_rules, record
from app.models.people import User
from app.models.rosters import ImportState, RosterImport, RosterPair

BATCH = 1000
"""Rows of a file that are read at once."""

_QUIET = {"synchronize_session": False}


@dataclass(frozen=True)
class Pair:
    """Somebody who may have a new address, and what would become of their account."""

    former: str
    address: str
    last_name: str
    confirmed: bool
    moved: bool
    """Whether an account moved."""
    has_account: bool
    """Whether there is an account with the old address now."""
    is_taken: bool
    """Whether there is one with the new address now."""


def list_pairs(
    db: Session, import_id: int, *, search: str = "", after: str = "", limit: int = 50
) -> list[Pair]:
    """Pairs of an import by their old address, `after` the last one already seen.

    `search` is any part of the name or of either address. Raises `NotFound`.
    """
    is_applied = ledger.get(db, import_id).applied_at is not None
    moved = RosterPair.user_id.is_not(None) if is_applied else false()
    taken = or_(User.address == RosterPair.address, User.shared_address == RosterPair.address)
    rows = db.execute(
        select(
            RosterPair.former, RosterPair.address, RosterPair.last_name, RosterPair.confirmed,
            moved, exists().where(User.address == RosterPair.former), exists().where(taken),
        )
        .where(RosterPair.import_id == import_id, RosterPair.former > after, _has(search))
        .order_by(RosterPair.former)
        .limit(limit)
    )  # fmt: skip
    return [Pair(*row) for row in rows]


def write_pairs(db: Session, import_id: int, *, search: str = "") -> Iterator[str]:
    """The same list as a CSV file in pieces. Raises `NotFound`."""
    ledger.get(db, import_id)
    header = ["Last Name", "Old Email", "New Email", "Confirmed", "Account moved"]

    def rows() -> Iterator[list[str]]:
        after = ""
        while found := list_pairs(db, import_id, search=search, after=after, limit=BATCH):
            for each in found:
                words = ["yes" if said else "no" for said in (each.confirmed, each.moved)]
                yield [each.last_name, each.former, each.address, *words]
            after = found[-1].former

    return sheets.write_csv(header, rows())


def settle_pairs(
    db: Session,
    import_id: int,
    among: Collection[str] | None,
    *,
    same: bool,
    search: str = "",
    by: int | None,
    origin: Origin,
    limits: HoldLimits,
) -> int:
    """Say of pairs that they are the `same` person, or two; how many that changes. Caller commits.

    `among` are their old addresses; None is all that `search` finds. Where a rule says so, the
    import is held from now on, and who let it go before has to do so again. Raises `NotFound`,
    `ImportSettled` and `ListChanged`.
    """
    found = _claim(db, import_id)
    ours = RosterPair.import_id == import_id
    which = _has(search) if among is None else RosterPair.former.in_([*among])
    said = db.execute(
        update(RosterPair)
        .where(ours, which, RosterPair.confirmed.is_not(same))
        .values(confirmed=same),
        execution_options=_QUIET,
    )
    count = cast(CursorResult[Any], said).rowcount
    if count:
        _note(db, found, count, same=same, by=by, origin=origin)
        _hold_or_not(db, found, by, origin, limits)
    return count


def _note(
    db: Session, found: RosterImport, count: int, *, same: bool, by: int | None, origin: Origin
) -> None:
    ours = RosterPair.import_id == found.id
    all_of_them = select(func.count()).select_from(RosterPair).where(ours, RosterPair.confirmed)
    found.pairs_confirmed = db.scalar(all_of_them) or 0
    found.asked_at = found.asked_by = found.confirmed_by = None
    audit.record(
        db,
        Event.ROSTER_PAIRS_CONFIRMED if same else Event.ROSTER_PAIRS_LEFT,
        origin,
        actor_id=by,
        import_id=found.id,
        count=count,
        confirmed=found.pairs_confirmed,
    )


def _claim(db: Session, import_id: int) -> RosterImport:
    """The import, as long as it waits; who would settle it or its pairs meanwhile has to wait."""
    ledger.get(db, import_id)
    claimed = db.execute(
        update(RosterImport)
        .where(
            RosterImport.id == import_id,
            RosterImport.state.in_([each.value for each in ledger.WAITING]),
        )
        .values(pairs=RosterImport.pairs),
        execution_options=_QUIET,
    )
    if cast(CursorResult[Any], claimed).rowcount != 1:
        raise ImportSettled
    found = ledger.get(db, import_id)
    if found.compared_with != ledger.in_force(db):
        raise ListChanged
    return found


def _hold_or_not(
    db: Session, found: RosterImport, by: int | None, origin: Origin, limits: HoldLimits
) -> None:
    found.held = hold_rules(db, found, limits)
    db.flush()
    if found.held and found.state == ImportState.CHECKED.value:
        ledger.move(db, found, [ImportState.CHECKED], ImportState.HELD)
        record(db, Event.ROSTER_HELD, origin, by, found)
        telling.tell_held(db, found)
    elif not found.held and found.state == ImportState.HELD.value:
        ledger.move(db, found, [ImportState.HELD], ImportState.CHECKED)


def _has(search: str) -> ColumnElement[bool]:
    part = search.strip().replace("\0", "")
    if not part:
        return true()
    columns = (RosterPair.last_name, RosterPair.former, RosterPair.address)
    return or_(*(column.icontains(part, autoescape=True) for column in columns))

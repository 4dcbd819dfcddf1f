"""Makes a checked import the list in force: one transaction, whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any, cast

import polars as pl
from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.core import audit, backlog, clock, outbox
from app.core.audit import NOWHERE, Event, Origin
from app.core.errors import ListChanged
from app.core.outbox import Kind
from app.core.people import users
from app.core.roster import entitlements, ledger, moving, planner, restoring, staging, yielding
from app.core.roster.packs import unpacked
from app.core.roster.plain import ROW_COLUMNS, marked
from app.core.roster.undisturbed import undisturbed
from app.core.roster.yielded import yielded_by
from app.models.edits import RosterEdit
from app.models.people import User
from app.models.records import Job
from app.models.rosters import (
    Change,
    FormerLine,
    ImportState,
    ListInForce,
    Mode,
    RosterChange,
    RosterImport,
    RosterLine,
    StagedLine,
    StagedPart,
)

LONGEST = timedelta(hours=1)
"""How long the transaction of an apply may take before another worker tries."""

_QUIET = {"synchronize_session": False}


def apply(
    db: Session,
    import_id: int,
    *,
    by: int | None,
    origin: Origin,
    former: Collection[ImportState] = ledger.WAITING,
) -> RosterImport:
    """Make a checked import the list in force, without its problem lines. The caller commits.

    Raises `NotFound`, `ImportSettled`, or `ListChanged` where another import was applied since
    the check.
    """
    began = time.monotonic()
    found = ledger.get(db, import_id)
    _claim(db, found, by, former)
    touched = select(RosterChange.address).where(RosterChange.import_id == found.id)
    with undisturbed():
        gone, came = _replace_lines(db, found, touched)
    ledger.drop_files(db, found.id)
    moved = moving.move(db, found, by=by, origin=origin)
    yielding.give_way(db, found, by=by, origin=origin)
    restoring.give_back(db, found, by=by, origin=origin)
    entitlements.follow_list(db, _whose(db, found, touched))
    _tell_removed(db, found)
    _settle(db, found, gone, came)
    counts = {name: getattr(found, name) for name in ("added", "removed", "changed", "undoes")}
    counts |= {"moved": moved, "file_wins": found.file_wins, "yielded": found.yielded}
    audit.record(db, Event.ROSTER_APPLIED, origin, actor_id=by, import_id=found.id, **counts)
    found.seconds = round(time.monotonic() - began, 2)
    return found


def apply_in_background(db: Session, job: Job) -> dict[str, int]:
    """Apply the import of a job; the caller commits with the job's end, so that both hold or
    neither. A refusal makes the import `failed`, and is raised again. Raises what `ledger.of_job`
    raises where the import does not wait for it.
    """
    found = ledger.of_job(db, job)
    by = job.created_by if found.asked_at is None else found.asked_by
    try:
        backlog.report(db, job, note="applying", quiet_for=LONGEST)
        apply(db, found.id, by=by, origin=NOWHERE, former=[ImportState.APPLYING])
    except Exception as error:
        ledger.leave(db, found.id, ImportState.APPLYING, ImportState.CHECKED, error)
        raise
    return {"added": found.added, "removed": found.removed, "changed": found.changed}


def _claim(
    db: Session, found: RosterImport, by: int | None, former: Collection[ImportState]
) -> None:
    ledger.move(db, found, former, ImportState.APPLIED)
    # Moving the one row of the list in force is what makes a second import wait, and lose.
    claimed = db.execute(
        update(ListInForce)
        .where(ListInForce.import_id.is_not_distinct_from(found.compared_with))
        .values(import_id=found.id)
    )
    if cast(CursorResult[Any], claimed).rowcount != 1:
        raise ListChanged
    found.applied_at = clock.now()
    found.applied_by = by


def _replace_lines(db: Session, found: RosterImport, touched: Select[str]) -> tuple[int, int]:
    """Move the lines of who changes out, and the new ones in; how many lines went and came."""
    theirs = RosterLine.address.in_(touched)
    adds = found.mode == Mode.ADD.value
    if found.compared_with is not None:
        _take_out(db, found, theirs, keep=adds)
    count = _put_staged(db, found) + _add_new(db, found.id)
    return 0 if adds else _count(db, found.id), count


def _put_staged(db: Session, found: RosterImport) -> int:
    """Write the lines that wait as rows; what an undo brings back keeps who had brought it."""
    if found.undoes is not None:
        former = [getattr(FormerLine, name) for name in (*ROW_COLUMNS, "brought_by")]
        rows = select(*former).where(FormerLine.import_id == found.undoes)
        count = _count(db, found.undoes)
    else:
        staged = [getattr(StagedLine, name) for name in (*ROW_COLUMNS, "import_id")]
        rows = select(*staged).where(StagedLine.import_id == found.id)
        lines = select(func.count(func.distinct(StagedLine.line)))
        count = db.scalar(lines.where(StagedLine.import_id == found.id)) or 0
    db.execute(insert(RosterLine).from_select([*ROW_COLUMNS, "import_id"], rows))
    return count


def _count(db: Session, import_id: int) -> int:
    """How many lines an import took out; one with several LO Root IDs is several rows."""
    lines = select(FormerLine.brought_by, FormerLine.line).where(FormerLine.import_id == import_id)
    return db.scalar(select(func.count()).select_from(lines.distinct().subquery())) or 0


def _take_out(db: Session, found: RosterImport, theirs: ColumnElement[bool], *, keep: bool) -> None:
    """Copy lines to where an undo finds them; out of the list they go, but for `keep`."""
    columns = [getattr(RosterLine, name) for name in ROW_COLUMNS]
    db.execute(
        insert(FormerLine).from_select(
            [*ROW_COLUMNS, "import_id", "brought_by"],
            select(*columns, literal(found.id), RosterLine.import_id).where(theirs),
        )
    )
    if not keep:
        db.execute(delete(RosterLine).where(theirs), execution_options=_QUIET)


def _add_new(db: Session, import_id: int) -> int:
    """Write the lines of people who are new to the list; how many lines they are."""
    parts = (
        select(StagedPart.data).where(StagedPart.import_id == import_id).order_by(StagedPart.part)
    )
    # All of them, as no question can be asked while rows are written; packed they are small.
    packs = db.scalars(parts).all()
    count = 0

    def tables(*, in_order: bool) -> Iterator[pl.DataFrame]:
        nonlocal count
        for data in packs:
            rows = unpacked(data)
            count += rows["line"].n_unique()
            # The index of surnames is large, and its rows come in one place at a time like this.
            yield marked(rows if in_order else rows.sort("surname_key", maintain_order=True))

    with staging.filling(db, RosterLine) as in_order:
        staging.put(db, RosterLine, import_id, ROW_COLUMNS, tables(in_order=in_order))
    planner.tell(db, count, RosterLine)
    return count


def _whose(db: Session, found: RosterImport, touched: Select[str]) -> ColumnElement[bool]:
    """The accounts of who changes, asked from the shorter side."""
    ours = RosterChange.import_id == found.id
    changing = db.scalar(select(func.count()).select_from(RosterChange).where(ours)) or 0
    accounts = db.scalar(select(func.count()).select_from(User)) or 0
    if accounts < changing:
        return exists().where(ours, RosterChange.address == User.address)
    return User.address.in_(touched)


def _settle(db: Session, found: RosterImport, gone: int, came: int) -> None:
    """Count the list once, close the import that was taken back, and forget what is too old."""
    former = ledger.get(db, found.compared_with) if found.compared_with else None
    found.people_after = found.people_before + found.added - found.removed
    if former is None or former.lines_after is None:
        found.lines_after = came if former is None else ledger.count_lines(db)[1]
    else:
        found.lines_after = former.lines_after - gone + came
    if found.undoes is not None:
        ledger.move(db, ledger.get(db, found.undoes), [ImportState.APPLIED], ImportState.UNDONE)
    oldest = (
        select(RosterImport.id)
        .where(RosterImport.applied_at.is_not(None))
        .order_by(RosterImport.applied_at.desc(), RosterImport.id.desc())
        .limit(ledger.KEPT)
    )
    kept = list(db.scalars(oldest))
    db.execute(
        delete(FormerLine).where(FormerLine.import_id.not_in(kept)), execution_options=_QUIET
    )


def _tell_removed(db: Session, found: RosterImport) -> None:
    # Only people with an account who have no other right to be here are told.
    gone = (
        select(User.id, RosterChange.address, User.locale)
        .join(User, User.address == RosterChange.address)
        .where(
            RosterChange.import_id == found.id,
            RosterChange.change == Change.REMOVED.value,
            ~users.on_list(),
        )
    )
    outbox.queue_selected(db, Kind.OFF_LIST, gone)
    if not found.file_wins:
        return
    removed = exists().where(
        RosterChange.import_id == found.id,
        RosterChange.address == User.address,
        RosterChange.change == Change.REMOVED.value,
    )
    without = (
        select(User.id, func.coalesce(User.address, User.email), User.locale)
        .join(RosterEdit, RosterEdit.user_id == User.id)
        .where(yielded_by(found.id), ~users.on_list(), ~removed)
    )
    outbox.queue_selected(db, Kind.OFF_LIST, without)

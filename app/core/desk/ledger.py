"""The ledger: seals the entries of the audit log into a chain, and prunes it.

An entry is written without a look at any other, so that sign-ins never wait for each other. The
worker then gives each the next number of the chain. Numbers have no gap and follow the order of
sealing: an entry whose transaction ended late simply gets a later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, Row, Table, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import NOWHERE, Event, record
from app.core.desk import rollups, seals
from app.core.desk.seals import Key, Signed
from app.models.ledger import AuditCheckpoint, AuditHead
from app.models.records import AuditEntry

ENTRIES = cast(Table, AuditEntry.__table__)
BATCH = 500
EVERY = 1000
"""Entries from one checkpoint to the next."""

PRUNED_AT_ONCE = 5000


def seal(db: Session, keys: Sequence[Key]) -> int:
    """Seal the entries that wait, a batch at most, and add them to the roll-ups; how many.

    Commits by itself. Of two at once one moves the head, and the other finds that it moved.
    """
    waiting = db.execute(
        select(ENTRIES).where(ENTRIES.c.sealed_no.is_(None)).order_by(ENTRIES.c.id).limit(BATCH)
    ).all()
    if not waiting:
        db.rollback()
        return 0
    head = db.get(AuditHead, 1, populate_existing=True) or _first_head(db, keys[0])
    sealed, chain = _links(keys[0], head, waiting)
    no = head.last_no + len(waiting)
    moved = db.execute(
        update(AuditHead)
        .where(AuditHead.id == 1, AuditHead.last_no == head.last_no, AuditHead.chain == head.chain)
        .values(last_no=no, chain=chain, at=clock.now(), **_signed(keys[0], Signed.HEAD, no, chain))
        .execution_options(synchronize_session=False)
    )
    written = 0
    if cast(CursorResult[Any], moved).rowcount == 1:
        written = cast(CursorResult[Any], db.execute(_SEALING, sealed)).rowcount
    if written != len(waiting):
        db.rollback()
        return 0
    rollups.add(db, [rollups.of_entry(entry) for entry in waiting])
    if no // EVERY > head.last_no // EVERY:
        _leave_checkpoint(db, keys[0], no, chain, pruned=False)
    db.commit()
    return written


_SEALING = (
    update(ENTRIES)
    .where(ENTRIES.c.id == bindparam("entry"), ENTRIES.c.sealed_no.is_(None))
    .values(
        sealed_no=bindparam("no"),
        details_hash=bindparam("hash"),
        chain=bindparam("link"),
        key_id=bindparam("by"),
    )
)


def count_waiting(db: Session) -> int:
    """How many entries wait to be sealed."""
    waiting = select(func.count()).select_from(AuditEntry).where(AuditEntry.sealed_no.is_(None))
    return db.scalar(waiting) or 0


def count_prunable(db: Session, *, days: int) -> int:
    """How many sealed entries are older than `days`."""
    old = ENTRIES.c.sealed_no.is_not(None) & (ENTRIES.c.at < clock.now() - timedelta(days=days))
    return db.scalar(select(func.count()).select_from(ENTRIES).where(old)) or 0


def prune(db: Session, keys: Sequence[Key], *, days: int) -> int:
    """Delete the sealed entries that are older than `days`, from the oldest on; how many.

    Commits by itself, part by part. What stays begins after a signed checkpoint. The newest
    entry always stays, and so does everything that was sealed after an entry that stays.
    """
    gone = 0
    while number := _prune_some(db, keys[0], days):
        gone += number
    if gone:
        record(db, Event.AUDIT_PRUNED, NOWHERE, entries=gone, older_than_days=days)
        db.commit()
    return gone


def _prune_some(db: Session, key: Key, days: int) -> int:
    cutoff = clock.now() - timedelta(days=days)
    oldest = (
        select(ENTRIES.c.sealed_no, ENTRIES.c.at, ENTRIES.c.chain)
        .where(ENTRIES.c.sealed_no.is_not(None))
        .order_by(ENTRIES.c.sealed_no)
        .limit(PRUNED_AT_ONCE + 1)
    )
    last = None
    rows = db.execute(oldest).all()
    for row in rows[:-1]:
        if row.at >= cutoff:
            break
        last = row
    if last is None:
        db.rollback()
        return 0
    deleted = db.execute(delete(ENTRIES).where(ENTRIES.c.sealed_no <= last.sealed_no))
    db.execute(delete(AuditCheckpoint).where(AuditCheckpoint.no < last.sealed_no))
    _leave_checkpoint(db, key, last.sealed_no, last.chain, pruned=True)
    db.commit()
    return cast(CursorResult[Any], deleted).rowcount


def _links(
    key: Key, head: AuditHead, entries: Sequence[Row[Any]]
) -> tuple[list[dict[str, Any]], str]:
    chain, rows = head.chain, []
    for no, entry in enumerate(entries, start=head.last_no + 1):
        # A row has the columns as attributes, which the type of a row does not tell.
        details_hash = seals.hash_details(key, cast(Any, entry))
        chain = seals.link(key, chain, no, cast(Any, entry), details_hash)
        rows.append(
            {"entry": entry.id, "no": no, "hash": details_hash, "link": chain, "by": key.id}
        )
    return rows, chain


def _signed(key: Key, what: Signed, no: int, chain: str) -> dict[str, str]:
    return {"key_id": key.id, "signature": seals.sign(key, what, no, chain)}


def _first_head(db: Session, key: Key) -> AuditHead:
    """Make the head that is not there: of a new log, or of one whose head was taken away."""
    last = db.execute(
        select(ENTRIES.c.sealed_no, ENTRIES.c.chain)
        .where(ENTRIES.c.sealed_no.is_not(None))
        .order_by(ENTRIES.c.sealed_no.desc())
        .limit(1)
    ).first()
    kept = db.scalar(select(AuditCheckpoint).order_by(AuditCheckpoint.no.desc()).limit(1))
    no, chain = (last.sealed_no, last.chain) if last else (0, seals.BEGINNING)
    if kept is not None and kept.no > no:
        # The numbers go on after it, so that what is missing before it stays a gap.
        no, chain = kept.no, kept.chain
    if no:
        record(db, Event.AUDIT_HEAD_REMADE, NOWHERE, after=no)
    head = {"id": 1, "last_no": no, "chain": chain, "at": clock.now()}
    head |= _signed(key, Signed.HEAD, no, chain)
    db.execute(_insert(db)(AuditHead).values(**head).on_conflict_do_nothing())
    return db.get_one(AuditHead, 1)


def _leave_checkpoint(db: Session, key: Key, no: int, chain: str, *, pruned: bool) -> None:
    what = Signed.PRUNED if pruned else Signed.CHECKPOINT
    row = {"no": no, "chain": chain, "pruned": pruned, "at": clock.now()}
    row |= _signed(key, what, no, chain)
    adding = _insert(db)(AuditCheckpoint).values(**row)
    db.execute(adding.on_conflict_do_update(index_elements=["no"], set_=row))


def _insert(db: Session) -> Any:
    return postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert

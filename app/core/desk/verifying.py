"""Verifying the audit log: walks the chain and names the first entry that does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from sqlalchemy import Row, Table, func, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import ERASED
from app.core.desk import ledger, seals
from app.core.desk.seals import Key, Signed
from app.models.ledger import AuditCheckpoint, AuditHead
from app.models.records import AuditEntry

ENTRIES = cast(Table, AuditEntry.__table__)
BATCH = 1000
NEWEST = 50_000
"""Entries at least that the daily look goes through."""


@dataclass(frozen=True)
class Problem:
    """The first thing that does not fit: its number in the chain, its id, and what it is.

    `what` is one of `changed`, `moved`, `removed`, `added`, `unknown_key`, `head`, `checkpoint`.
    """

    what: str
    no: int
    entry_id: int | None
    words: str


@dataclass(frozen=True)
class Verdict:
    """What verifying found. Entries `first_no` to `last_no` were looked at."""

    first_no: int
    last_no: int
    erased: int
    waiting: int
    head: str
    problem: Problem | None

    @property
    def holds(self) -> bool:
        """Whether everything that was looked at is as it was sealed."""
        return self.problem is None

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self) | {"holds": self.holds}


class _Broken(Exception):
    def __init__(self, what: str, no: int, words: str, entry_id: int | None = None) -> None:
        super().__init__(words)
        self.problem = Problem(what, no, entry_id, words)


class _Walk:
    """One walk along the chain: where it stands, and what it has seen."""

    def __init__(self, keys: Sequence[Key], checkpoints: dict[int, AuditCheckpoint]) -> None:
        self.keys = {key.id: key for key in keys}
        self.checkpoints = checkpoints
        self.no, self.chain, self.erased = 0, seals.BEGINNING, 0

    def begin(self, start: AuditCheckpoint | None) -> None:
        for each in self.checkpoints.values():
            what = Signed.PRUNED if each.pruned else Signed.CHECKPOINT
            keys = list(self.keys.values())
            if not seals.is_signed(keys, each.key_id, each.signature, what, each.no, each.chain):
                raise _Broken("checkpoint", each.no, f"The checkpoint at {each.no} is not ours.")
        if start is not None:
            self.no, self.chain = start.no, start.chain

    def step(self, entry: Row[Any], ahead: Sequence[Row[Any]]) -> None:
        number = self.no + 1
        if entry.sealed_no != number:
            gap = _range("Entry", "Entries", number, entry.sealed_no - 1)
            raise _Broken("removed", number, f"{gap} missing before entry {entry.id}.")
        key = self.keys.get(entry.key_id or "")
        if key is None:
            words = f"Entry {entry.id} was sealed with a key that is not in SECRET_KEY_FALLBACKS."
            raise _Broken("unknown_key", number, words, entry.id)
        erased = _is_erased(entry)
        if not erased and seals.hash_details(key, cast(Any, entry)) != entry.details_hash:
            words = f"The details of entry {entry.id} (number {number}) were changed."
            raise _Broken("changed", number, words, entry.id)
        expected = seals.link(key, self.chain, number, cast(Any, entry), entry.details_hash or "")
        if expected != entry.chain:
            raise self._misfit(number, entry, ahead)
        kept = self.checkpoints.get(number)
        if kept is not None and kept.chain != entry.chain:
            words = f"Entry {entry.id} (number {number}) is not the one that was signed there."
            raise _Broken("changed", number, words, entry.id)
        self.no, self.chain, self.erased = number, entry.chain, self.erased + erased

    def _misfit(self, number: int, entry: Row[Any], ahead: Sequence[Row[Any]]) -> _Broken:
        """Say whether the entry was changed, or stands where another one belongs."""
        links = {each.chain for each in ahead}
        for other in ahead:
            key = self.keys.get(other.key_id or "")
            if key is None or other.id == entry.id:
                continue
            fits = seals.link(key, self.chain, number, cast(Any, other), other.details_hash or "")
            if fits in links:
                words = f"Entry {entry.id} stands at number {number}, where {other.id} belongs."
                return _Broken("moved", number, words, entry.id)
        words = f"Entry {entry.id} (number {number}) was changed, or is not the one sealed there."
        return _Broken("changed", number, words, entry.id)


def verify(db: Session, keys: Sequence[Key], *, newest: bool = False) -> Verdict:
    """Walk the whole chain, or from the checkpoint before its `newest` part on. Changes nothing.

    Erased details are no problem, and are counted. Entries that wait to be sealed are none yet.
    """
    while True:
        start = _start(db, newest=newest)
        verdict = _verify_from(db, keys, start)
        # Who prunes meanwhile takes away what this walk was about to look at.
        if verdict.holds or _pruned_to(db) <= (start.no if start else 0):
            return verdict


def verify_newest(db: Session, keys: Sequence[Key]) -> Verdict:
    """The same for the newest part, whose result is kept for the log's page. The caller commits."""
    verdict = verify(db, keys, newest=True)
    found = {
        "verified_at": clock.now(),
        "verified_no": verdict.last_no,
        "problem": verdict.problem.words if verdict.problem else None,
    }
    db.execute(update(AuditHead).where(AuditHead.id == 1).values(**found))
    return verdict


def _verify_from(db: Session, keys: Sequence[Key], start: AuditCheckpoint | None) -> Verdict:
    head = db.get(AuditHead, 1, populate_existing=True)
    first = start.no if start else 0
    checkpoints = select(AuditCheckpoint).where(AuditCheckpoint.no >= first)
    walk = _Walk(keys, {each.no: each for each in db.scalars(checkpoints)})
    problem = None
    try:
        walk.begin(start)
        _check_head(db, keys, head)
        for entry, ahead in _entries(db, first, head.last_no if head else 0):
            walk.step(entry, ahead)
        _check_end(db, walk, head)
    except _Broken as broken:
        problem = broken.problem
    waiting = ledger.count_waiting(db)
    return Verdict(first + 1, walk.no, walk.erased, waiting, walk.chain, problem)


def _check_head(db: Session, keys: Sequence[Key], head: AuditHead | None) -> None:
    if head is None:
        last = db.scalar(select(func.max(ENTRIES.c.sealed_no)))
        kept = db.scalar(select(func.max(AuditCheckpoint.no)))
        if last or kept:
            raise _Broken("head", max(last or 0, kept or 0), "The head of the chain is missing.")
        return
    if head.key_id not in {key.id for key in keys}:
        words = "The head was signed with a key that is not in SECRET_KEY_FALLBACKS."
        raise _Broken("unknown_key", head.last_no, words)
    signed = (head.signature, Signed.HEAD, head.last_no, head.chain)
    if not seals.is_signed(keys, head.key_id, *signed):
        raise _Broken("head", head.last_no, "The head of the chain is not the one we signed.")


def _check_end(db: Session, walk: _Walk, head: AuditHead | None) -> None:
    end = head.last_no if head else 0
    if walk.no < end:
        gap = _range("The last entry", "The last entries", walk.no + 1, end)
        raise _Broken("removed", walk.no + 1, f"{gap} missing.")
    if head is not None and walk.chain != head.chain:
        raise _Broken("changed", end, f"The chain does not end as its head says at {end}.")
    # One statement sees the entries and the head as they were at one moment.
    beyond = db.execute(
        select(ENTRIES.c.id, ENTRIES.c.sealed_no)
        .join(AuditHead, AuditHead.id == 1)
        .where(ENTRIES.c.sealed_no > AuditHead.last_no)
        .order_by(ENTRIES.c.sealed_no)
        .limit(1)
    ).first()
    if beyond is not None:
        words = f"Entry {beyond.id} was added after the end of the chain."
        raise _Broken("added", beyond.sealed_no, words, beyond.id)
    kept = db.execute(
        select(AuditCheckpoint.no)
        .join(AuditHead, AuditHead.id == 1)
        .where(AuditCheckpoint.no > AuditHead.last_no)
        .limit(1)
    ).scalar()
    if kept is not None:
        raise _Broken("removed", end + 1, f"The chain once went to {kept} and was put back.")


def _entries(db: Session, after: int, last: int) -> Iterator[tuple[Row[Any], Sequence[Row[Any]]]]:
    """Each sealed entry up to number `last`, and beside it those of its batch from it on."""
    while True:
        rows = db.execute(
            select(ENTRIES)
            .where(ENTRIES.c.sealed_no > after, ENTRIES.c.sealed_no <= last)
            .order_by(ENTRIES.c.sealed_no)
            .limit(BATCH)
        ).all()
        for place, row in enumerate(rows):
            yield row, rows[place:]
        if len(rows) < BATCH:
            return
        after = rows[-1].sealed_no


def _start(db: Session, *, newest: bool) -> AuditCheckpoint | None:
    """The checkpoint after which to begin; None for the first entry there ever was."""
    query = select(AuditCheckpoint)
    if newest:
        end = db.scalar(select(AuditHead.last_no)) or 0
        before = query.where(AuditCheckpoint.no <= max(end - NEWEST, 0))
        found = db.scalar(before.order_by(AuditCheckpoint.no.desc()).limit(1))
        if found is not None:
            return found
    pruned = query.where(AuditCheckpoint.pruned.is_(True))
    return db.scalar(pruned.order_by(AuditCheckpoint.no.desc()).limit(1))


def _pruned_to(db: Session) -> int:
    pruned = select(func.max(AuditCheckpoint.no)).where(AuditCheckpoint.pruned.is_(True))
    return db.scalar(pruned) or 0


def _is_erased(entry: Row[Any]) -> bool:
    gone = (entry.address, entry.ip, entry.user_agent)
    return entry.details == ERASED and gone == (None, None, None)


def _range(one: str, many: str, first: int, last: int) -> str:
    return f"{one} number {first} is" if first >= last else f"{many} {first} to {last} are"

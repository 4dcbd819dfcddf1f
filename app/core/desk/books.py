"""The books: what the worker does for the audit log each minute, and once a day."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.core.desk import insight, ledger, rollups, verifying
from app.core.desk.seals import Key
from app.core.desk.verifying import Verdict
from app.models.records import MessageState

MOST_BATCHES = 100
"""Batches of entries, and of chats, that one look at the books goes through: a log from before
the chain has many, and the rest of them waits for the next minute."""


def keep(db: Session, keys: Sequence[Key]) -> int:
    """Seal what happened into the chain, and count it; how many entries were sealed.

    Commits by itself, part by part.
    """
    rollups.close_floods(db)
    db.commit()
    sealed = 0
    for _ in range(MOST_BATCHES):
        number = ledger.seal(db, keys)
        sealed += number
        if number == 0:
            break
    for _ in range(MOST_BATCHES):
        counted = rollups.count_chats(db)
        db.commit()
        if counted < rollups.BATCH:
            break
    insight.refresh(db)
    waiting = insight.count_mails(db, MessageState.QUEUED, MessageState.SENDING)
    rollups.note_waiting(db, waiting)
    db.commit()
    return sealed


def look_after(db: Session, keys: Sequence[Key], *, days: int) -> Verdict:
    """Prune what is older than `days` (0: nothing), and verify the newest part of the chain.

    Commits by itself; what was found is kept for the page of the log.
    """
    if days:
        ledger.prune(db, keys, days=days)
    verdict = verifying.verify_newest(db, keys)
    db.commit()
    return verdict

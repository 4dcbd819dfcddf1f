"""The chain of the audit log: what was sealed cannot be changed, moved, removed or added to."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, insert, select, update

from app.core import audit, clock, floods
from app.core.audit import Event, Origin
from app.core.desk import books, ledger, seals, verifying
from app.core.entry import signin
from app.core.errors import CannotSignIn
from app.models.ledger import AuditCheckpoint, AuditFlood, AuditHead, AuditRollup
from app.models.records import AuditEntry

KEYS = seals.keys_of(["a secret that stands in tests alone, 0123456789"])
OTHERS = seals.keys_of(["another secret that stands in tests alone"])
HERE = Origin(ip="203.0.113.9", user_agent="Firefox", reference="7F3K-2QAB")


def happen(db, number=6, **details):
    """Let so many things happen, and seal them."""
    for one in range(number):
        audit.record(
            db, Event.SIGN_IN_ADMITTED, HERE, user_id=one + 1, actor_id=one + 1,
            method="password", address=f"p{one}@agency.example", **details,
        )  # fmt: skip
    db.commit()
    while ledger.seal(db, KEYS):
        pass


def problem(db, keys=KEYS):
    """What verifying finds: the kind of the problem and its number; None for nothing."""
    db.expire_all()
    found = verifying.verify(db, keys).problem
    return found and (found.what, found.no)


def change(db, no, **values):
    """Change the sealed entry of this number behind the program's back."""
    db.execute(update(AuditEntry).where(AuditEntry.sealed_no == no).values(**values))
    db.commit()


def test_what_happened_is_sealed_without_a_gap_and_holds(db):
    happen(db)
    verdict = verifying.verify(db, KEYS)
    assert (verdict.holds, verdict.first_no, verdict.last_no, verdict.waiting) == (True, 1, 6, 0)
    assert list(db.scalars(select(AuditEntry.sealed_no).order_by(AuditEntry.id))) == [*range(1, 7)]


def test_what_waits_to_be_sealed_is_no_problem_and_is_said(db):
    happen(db)
    audit.record(db, Event.SESSION_ENDED, HERE)
    db.commit()
    verdict = verifying.verify(db, KEYS)
    assert (verdict.holds, verdict.waiting) == (True, 1)


@pytest.mark.parametrize(
    "values",
    [
        {"details": {"method": "reset"}},
        {"ip": "198.51.100.1"},
        {"address": None},
        {"user_id": 99},
        {"event": "sign_in:refused"},
        {"at": clock.now()},
        {"reference": None},
        {"details_hash": "0" * 64},
        {"chain": "0" * 64},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_changed_entry_is_named(db, values):
    happen(db)
    change(db, 3, **values)
    assert problem(db) == ("changed", 3)


def test_entries_that_changed_places_are_named(db):
    happen(db)
    change(db, 2, sealed_no=1000)
    change(db, 4, sealed_no=2)
    change(db, 1000, sealed_no=4)
    found = verifying.verify(db, KEYS).problem
    assert (found.what, found.no, found.entry_id) == ("moved", 2, 4)
    assert "where 2 belongs" in found.words


def test_a_removed_entry_is_named_in_the_middle_and_at_the_end(db):
    happen(db)
    db.execute(delete(AuditEntry).where(AuditEntry.sealed_no.in_([3, 4])))
    db.commit()
    assert problem(db) == ("removed", 3)
    assert "3 to 4 are missing" in verifying.verify(db, KEYS).problem.words


def test_the_last_entries_cannot_be_cut_off(db):
    happen(db)
    db.execute(delete(AuditEntry).where(AuditEntry.sealed_no > 4))
    db.commit()
    assert problem(db) == ("removed", 5)
    # Nor can the head be put back to where the chain ends now: it is signed.
    before = db.scalar(select(AuditEntry.chain).where(AuditEntry.sealed_no == 4))
    db.execute(update(AuditHead).values(last_no=4, chain=before))
    db.commit()
    assert problem(db) == ("head", 4)


def test_a_head_that_was_taken_away_is_named_and_its_making_anew_is_an_entry(db):
    happen(db)
    db.execute(delete(AuditHead))
    db.commit()
    assert problem(db) == ("head", 6)
    happen(db, 1)
    assert ledger.seal(db, KEYS) == 0
    events = db.scalars(select(AuditEntry.event)).all()
    assert Event.AUDIT_HEAD_REMADE.value in events


def test_an_old_head_put_back_with_its_entries_is_betrayed_by_a_checkpoint(db, monkeypatch):
    monkeypatch.setattr(ledger, "EVERY", 4)
    happen(db, 3)
    old = {name: getattr(db.get(AuditHead, 1), name) for name in
           ("last_no", "chain", "key_id", "signature", "at")}  # fmt: skip
    happen(db, 3)
    assert db.scalar(select(AuditCheckpoint.no)) == 6
    db.execute(delete(AuditEntry).where(AuditEntry.sealed_no > 3))
    db.execute(update(AuditHead).values(**old))
    db.commit()
    assert problem(db) == ("removed", 4)


def test_an_entry_added_to_the_chain_is_named(db):
    happen(db)
    forged = {"at": clock.now(), "event": "sign_in:admitted", "details": {}, "sealed_no": 7}
    forged |= {"details_hash": "1" * 64, "chain": "2" * 64, "key_id": KEYS[0].id}
    db.execute(insert(AuditEntry), [forged])
    db.commit()
    assert problem(db) == ("added", 7)


def test_a_forged_checkpoint_is_named(db):
    happen(db)
    row = {"no": 3, "chain": "0" * 64, "key_id": KEYS[0].id, "signature": "0" * 64}
    db.execute(insert(AuditCheckpoint), [row | {"pruned": True, "at": clock.now()}])
    db.commit()
    assert problem(db) == ("checkpoint", 3)


def test_erased_details_are_no_problem_but_putting_others_there_is(db):
    happen(db)
    erased = {"details": audit.ERASED, "address": None, "ip": None, "user_agent": None}
    change(db, 2, **erased)
    verdict = verifying.verify(db, KEYS)
    assert (verdict.holds, verdict.erased) == (True, 1)
    change(db, 2, **erased | {"ip": "198.51.100.1"})
    assert problem(db) == ("changed", 2)


def test_a_rotated_key_seals_on_and_the_old_one_still_verifies(db):
    happen(db, 3)
    audit.record(db, Event.SESSION_ENDED, HERE)
    db.commit()
    assert ledger.seal(db, [*OTHERS, *KEYS]) == 1
    assert problem(db, [*OTHERS, *KEYS]) is None
    assert problem(db, OTHERS) == ("unknown_key", 1)
    assert problem(db, KEYS) == ("unknown_key", 4)


def test_two_sealers_at_once_give_each_entry_one_number(app, db):
    for _ in range(300):
        audit.record(db, Event.SESSION_ENDED, HERE)
    db.commit()
    sessions = app.extensions["rollcall"].sessions
    barrier = threading.Barrier(3)
    sealed = []

    def work():
        with sessions() as own:
            barrier.wait()
            sealed.append(ledger.seal(own, KEYS))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sealed) == 300
    assert problem(db) is None
    hours = select(func.sum(AuditRollup.count)).where(AuditRollup.period == "hour")
    assert db.scalar(hours.where(AuditRollup.event == "session:ended")) == 300


def test_pruning_leaves_a_signed_checkpoint_and_the_chain_holds_after_it(db):
    happen(db, 4)
    db.execute(update(AuditEntry).values(details=audit.ERASED))
    db.commit()
    long_ago = clock.now() - timedelta(days=90)
    for each in (1, 2):  # As if these had been written then: what they are sealed with stays.
        change(db, each, at=long_ago)
    assert ledger.prune(db, KEYS, days=60) == 2
    books.keep(db, KEYS)
    assert list(db.scalars(select(AuditEntry.sealed_no).order_by(AuditEntry.id))) == [3, 4, 5]
    kept = db.scalars(select(AuditCheckpoint)).one()
    assert (kept.no, kept.pruned) == (2, True)
    assert db.scalar(select(AuditEntry.details).where(AuditEntry.sealed_no == 5)) == {
        "entries": 2,
        "older_than_days": 60,
    }
    assert ledger.prune(db, KEYS, days=60) == 0
    db.execute(delete(AuditCheckpoint))
    db.commit()
    assert problem(db) == ("removed", 1)


def test_the_daily_look_is_kept_with_what_it_found(db):
    happen(db)
    assert books.look_after(db, KEYS, days=0).holds
    head = db.get(AuditHead, 1, populate_existing=True)
    assert (head.verified_no, head.problem) == (6, None)
    change(db, 5, event="session:ended")
    books.look_after(db, KEYS, days=0)
    assert "number 5" in db.get(AuditHead, 1, populate_existing=True).problem


def refuse(db, ip="203.0.113.9"):
    """Refuse a sign-in by a wrong password."""
    with pytest.raises(CannotSignIn):
        signin.refuse(db, CannotSignIn(), "password", Origin(ip=ip), why="wrong")


def refused(db):
    """How many refusals were stored, and how many the day's roll-up counts."""
    stored = select(func.count()).where(AuditEntry.event == Event.SIGN_IN_REFUSED.value)
    counted = select(func.sum(AuditRollup.count)).where(
        AuditRollup.event == Event.SIGN_IN_REFUSED.value, AuditRollup.period == "day"
    )
    return db.scalar(stored), db.scalar(counted)


def test_a_flood_is_counted_and_not_stored_row_by_row(db, monkeypatch):
    monkeypatch.setattr(floods, "WINDOW", timedelta(days=1))
    for _ in range(floods.STORED + 15):
        refuse(db)
    refuse(db, ip="198.51.100.7")
    books.keep(db, KEYS)
    assert refused(db) == (floods.STORED + 1, floods.STORED + 1)
    # As if it had been a while ago.
    db.execute(update(AuditFlood).values(begins_at=clock.now() - timedelta(days=2)))
    db.commit()
    for _ in range(2):
        books.keep(db, KEYS)
    assert refused(db) == (floods.STORED + 1, floods.STORED + 16)
    summary = db.scalars(
        select(AuditEntry).where(AuditEntry.event == Event.FLOOD_COUNTED.value)
    ).one()
    assert (summary.details["not_stored"], summary.details["network"]) == (15, "203.0.113.9")
    assert problem(db) is None

"""What nobody has to sign in for is stored row by row only until it floods, and counted whole."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.core import clock, floods
from app.core.audit import Event
from app.core.desk import books, seals, trends
from app.core.proof import guesses
from app.core.throttle import Limit
from app.models.ledger import AuditFlood, AuditRollup
from app.models.records import AuditEntry

ADA = "ada@learn.agency.example"
KEYS = seals.keys_of(["a secret that stands in tests alone, 0123456789"])
TRIES = 5


def ask_for_a_code(visitor, number):
    visitor.submit("/login/code", email=f"p{number}@x.example")


def register(visitor, number):
    visitor.submit("/register", last_name="Lovelace", email=f"p{number}@x.example")


def forget(visitor, number):
    visitor.submit("/forgot-password", email=f"p{number}@x.example")


def lift(visitor, number):
    visitor.submit("/lift-pause", email=f"p{number}@x.example", code="123456")


def pause(visitor, number):
    for _ in range(2):
        visitor.submit("/login", email=f"p{number}@x.example", password="wrong")


def walk_in(visitor, _number):
    visitor.get("/admin/roster")


DOORS = {
    ask_for_a_code: Event.CODE_ASKED,
    register: Event.REGISTRATION_ASKED,
    forget: Event.RECOVERY_ASKED,
    lift: Event.SIGN_IN_REFUSED,
    pause: Event.PAUSE_BEGAN,
    walk_in: Event.REQUEST_REFUSED,
}


def stored(db, event):
    """How many entries of this event there are."""
    db.rollback()
    return db.scalar(select(func.count()).where(AuditEntry.event == event.value))


def counted(db, event, period="day"):
    """How many of it the roll-ups count."""
    row = AuditRollup
    query = select(func.sum(row.count)).where(row.event == event.value, row.period == period)
    return db.scalar(query)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_flood_at_any_door_is_counted_whole_and_stored_in_part(
    people, visitors, db, monkeypatch, door
):
    monkeypatch.setattr(floods, "WINDOW", timedelta(days=1))
    monkeypatch.setattr(floods, "STORED", 2)
    monkeypatch.setattr(floods, "STORED_OF_ASKING", 3)
    monkeypatch.setattr(guesses, "LIMIT", Limit(tries=2, window=guesses.WINDOW))
    event = DOORS[door]
    visitor = people.signed_in(ADA) if door is walk_in else visitors()
    for number in range(TRIES):
        door(visitor, number)
    at_most = floods.stored(event.value)
    assert stored(db, event) == at_most
    # As if it had been a while ago.
    db.execute(update(AuditFlood).values(begins_at=clock.now() - timedelta(days=1)))
    db.commit()
    for _ in range(2):
        books.keep(db, KEYS)
    assert (counted(db, event), counted(db, event, "hour")) == (TRIES, TRIES)
    assert stored(db, event) == at_most
    closing = select(AuditEntry).where(AuditEntry.event == Event.FLOOD_COUNTED.value)
    told = [each.details for each in db.scalars(closing) if each.details["of"] == event.value]
    assert [each["not_stored"] for each in told] == [TRIES - at_most]
    if event.value in trends.SHOWN:
        assert trends.read(db, trends.Span.WEEK).total(event) == TRIES


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_class_behind_one_address_that_registers_at_once_is_stored_one_by_one(visitors, db):
    for number in range(30):
        register(visitors(), number)
    assert stored(db, Event.REGISTRATION_ASKED) == 30

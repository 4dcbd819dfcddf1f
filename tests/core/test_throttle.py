"""Counting tries: in windows that begin with the first one and end by themselves."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from app.core import throttle
from app.core.errors import ClosedForGood, TooManyTries
from app.core.throttle import Limit
from app.models.access import TryCount

WINDOW = timedelta(minutes=15)
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def count(db, subject="ada@x.example", *, scope="password", limit=3):
    throttle.count(db, scope, subject, Limit(limit, WINDOW))


def test_tries_up_to_the_limit_are_let_through_and_the_next_is_not(db):
    for _ in range(3):
        count(db)
    with pytest.raises(TooManyTries):
        count(db)


def test_a_try_stays_counted_when_the_request_is_rolled_back(db, app):
    for _ in range(3):
        count(db)
        db.rollback()
    with app.extensions["rollcall"].sessions() as other, pytest.raises(TooManyTries):
        count(other)


def test_the_window_ends_by_time_and_not_by_waiting_since_the_last_try(db):
    with time_machine.travel(START, tick=False) as clock:
        count(db)
        clock.shift(timedelta(minutes=14, seconds=59))
        count(db)
        count(db)
        with pytest.raises(TooManyTries):
            count(db)
        clock.shift(timedelta(seconds=1))
        for _ in range(3):
            count(db)
        with pytest.raises(TooManyTries):
            count(db)


def test_a_refused_try_does_not_lengthen_the_pause(db):
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(3):
            count(db)
        for _ in range(10):
            clock.shift(timedelta(minutes=1))
            with pytest.raises(TooManyTries) as refused:
                count(db)
            assert refused.value.until == START + WINDOW


def test_the_refusal_says_when_the_door_opens_again(db):
    with time_machine.travel(START, tick=False):
        for _ in range(3):
            count(db)
        with pytest.raises(TooManyTries) as refused:
            count(db)
    assert refused.value.until == START + WINDOW
    assert refused.value.values == {"time": START + WINDOW}


def test_subjects_and_scopes_are_counted_apart(db):
    for _ in range(3):
        count(db)
    count(db, "grace@x.example")
    count(db, scope="code:registration")
    with pytest.raises(TooManyTries):
        count(db)


def test_clearing_forgets_one_subject_alone(db):
    for _ in range(3):
        count(db)
        count(db, "grace@x.example")
    throttle.clear(db, "password", "ada@x.example")
    db.commit()
    count(db)
    with pytest.raises(TooManyTries):
        count(db, "grace@x.example")


def test_what_is_taken_within_a_transaction_is_given_back_by_its_rollback(db):
    for _ in range(2):
        assert throttle.take(db, "mail", "ada@x.example", Limit(1, WINDOW))
        db.rollback()


def test_tidying_keeps_the_windows_that_are_open(db):
    with time_machine.travel(START, tick=False) as clock:
        count(db, "old@x.example", limit=1)
        clock.shift(timedelta(minutes=10))
        count(db, limit=1)
        clock.shift(timedelta(minutes=5))
        throttle.tidy(db)
        db.commit()
        count(db, "old@x.example", limit=1)
        with pytest.raises(TooManyTries):
            count(db, limit=1)


GROWING = Limit(4, WINDOW, waits={n: timedelta(seconds=2**n) for n in (2, 3)})


def test_the_wait_between_tries_grows(db):
    with time_machine.travel(START, tick=False) as clock:
        for wait in (0, 0, 4, 8):
            clock.shift(timedelta(seconds=wait))
            throttle.count(db, "password", "ada@x.example", GROWING)


@pytest.mark.parametrize("early", [timedelta(0), timedelta(seconds=3, milliseconds=900)])
def test_a_try_within_the_wait_is_refused_and_not_counted(early, db):
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(2):
            throttle.count(db, "password", "ada@x.example", GROWING)
        clock.shift(early)
        for _ in range(20):
            with pytest.raises(TooManyTries) as refused:
                throttle.count(db, "password", "ada@x.example", GROWING)
        assert refused.value.until == START + timedelta(seconds=4)
        clock.move_to(START + timedelta(seconds=4))
        assert throttle.count(db, "password", "ada@x.example", GROWING) == 3


def test_a_new_window_begins_without_a_wait(db):
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(2):
            throttle.count(db, "password", "ada@x.example", GROWING)
        clock.shift(WINDOW)
        for _ in range(2):
            throttle.count(db, "password", "ada@x.example", GROWING)


def test_a_hundred_in_a_row_close_the_way_until_it_is_cleared(db):
    limit = Limit(10, WINDOW, ceiling=100)
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(10):
            for _ in range(10):
                throttle.count(db, "code:reset", "ada@x.example", limit)
            clock.shift(WINDOW)
            throttle.tidy(db)
            db.commit()
        clock.shift(timedelta(days=7))
        for _ in range(2):
            with pytest.raises(ClosedForGood):
                throttle.count(db, "code:reset", "ada@x.example", limit)
        assert throttle.clear(db, "code:reset", "ada@x.example")
        db.commit()
        assert throttle.count(db, "code:reset", "ada@x.example", limit) == 1


def test_what_adds_up_is_tidied_away_in_the_end(db):
    with time_machine.travel(START, tick=False) as clock:
        throttle.count(db, "code:reset", "ada@x.example", Limit(5, WINDOW))
        clock.shift(WINDOW + throttle.KEPT)
        throttle.tidy(db)
        assert db.scalar(select(func.count()).select_from(TryCount)) == 0


def test_a_window_is_cleared_by_its_end_alone_once(db):
    with time_machine.travel(START, tick=False):
        count(db)
        assert throttle.until(db, "password", "ada@x.example") == START + WINDOW
        assert not throttle.clear(db, "password", "ada@x.example", ends_at=START)
        ends_at = START + WINDOW
        assert throttle.clear(db, "password", "ada@x.example", ends_at=ends_at)
        assert not throttle.clear(db, "password", "ada@x.example", ends_at=ends_at)
        assert throttle.until(db, "password", "ada@x.example") is None

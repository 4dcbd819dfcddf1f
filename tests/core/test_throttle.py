"""Counting tries: in windows that begin with the first one and end by themselves."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app.core import throttle
from app.core.errors import TooManyTries

WINDOW = timedelta(minutes=15)
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def count(db, subject="ada@x.example", *, scope="password", limit=3):
    throttle.count(db, scope, subject, limit=limit, window=WINDOW)


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
        assert throttle.take(db, "mail", "ada@x.example", limit=1, window=WINDOW)
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

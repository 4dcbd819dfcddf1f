"""Tries at a password: one budget for each account, and one for each browser that knows it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.addresses import BadAddress, canonical
from app.core import throttle
from app.core.audit import Origin
from app.core.errors import TooManyPasswords
from app.core.proof import guesses
from app.models.access import TryCount

ADA = "ada@learn.agency.example"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = timedelta(seconds=32)
BROWSER = Origin(ip="127.0.0.9", device="a-browser")
OTHER = Origin(ip="127.0.0.9", device="another-one")
TRIES = guesses.LIMIT.tries


@pytest.fixture
def clock():
    """A clock that stands at START."""
    with time_machine.travel(START, tick=False) as moved:
        yield moved


def use_up(db, clock, address=ADA, origin=BROWSER, *, known=False, times=TRIES):
    made = []
    for _ in range(times):
        made.append(guesses.count(db, address, origin, known=known))
        clock.shift(STEP)
    return made


def rows(db):
    found = db.execute(select(TryCount.scope, TryCount.subject, TryCount.count))
    return {(row.scope, row.subject): row.count for row in found}


# What is counted.


@pytest.mark.parametrize(
    "typed",
    [ADA, ADA.upper(), f"  {ADA}\n", "Ada@Learn.Agency.Example", "ada@ｌearn.agency.example"],
)
def test_every_spelling_of_an_address_is_one(typed):
    assert guesses.counted_form(typed) == ADA


ODD = [
    "", " ", "no address", "\0", "ad\0a@learn.agency.example", f"{ADA}\0", f"\0{ADA}",
    "ada@learn.agency.example\u200b", "a\ud800da@learn.agency.example", f"? {ADA}",
    f"{ADA}{'x' * 400}", f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 57}.exampleexample",
    "x" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("typed", ODD)
def test_what_is_no_address_is_counted_as_nobodys(typed):
    form = guesses.counted_form(typed)
    assert len(form) <= 254
    assert "\0" not in form
    assert form.encode()
    with pytest.raises(BadAddress):
        canonical(form)


@given(st.text(max_size=300))
def test_no_text_but_an_address_is_counted_as_one(typed):
    form = guesses.counted_form(typed)
    try:
        expected = canonical(typed)
    except BadAddress:
        with pytest.raises(BadAddress):
            canonical(form)
    else:
        assert form == expected


# How it is counted.


def test_the_tenth_try_is_the_last_and_says_so(db, clock):
    made = use_up(db, clock)
    assert [each.is_last for each in made] == [False] * 9 + [True]
    with pytest.raises(TooManyPasswords) as refused:
        guesses.count(db, ADA, BROWSER, known=False)
    assert refused.value.until == START + guesses.WINDOW
    assert guesses.window_ends_at(db, ADA) == START + guesses.WINDOW


def test_a_wait_says_how_long_it_is(db, clock):
    for _ in range(5):
        guesses.count(db, ADA, BROWSER, known=False)
    with pytest.raises(TooManyPasswords) as refused:
        guesses.count(db, ADA, BROWSER, known=False)
    assert refused.value.values["wait"] == timedelta(seconds=2)


def test_the_ten_tries_fit_into_the_window_with_their_waits():
    assert sum(guesses.LIMIT.waits.values(), timedelta()) < guesses.WINDOW / 10


def test_a_new_name_of_a_browser_buys_a_stranger_nothing(db, clock):
    for number in range(TRIES):
        guesses.count(db, ADA, Origin(device=f"browser {number}"), known=False)
        clock.shift(STEP)
    with pytest.raises(TooManyPasswords):
        guesses.count(db, ADA, Origin(device="one more"), known=False)


def test_a_known_browser_has_its_own_count_and_begins_no_pause(db, clock):
    use_up(db, clock, origin=OTHER)
    made = use_up(db, clock, known=True)
    assert {(each.scope, each.is_last) for each in made} == {(guesses.DEVICE, False)}
    with pytest.raises(TooManyPasswords):
        guesses.count(db, ADA, BROWSER, known=True)


def test_after_its_own_ten_a_known_browser_is_a_stranger(db, clock):
    use_up(db, clock, known=True)
    made = use_up(db, clock, known=True)
    assert [each.scope for each in made] == [guesses.ACCOUNT] * TRIES
    assert made[-1].is_last
    with pytest.raises(TooManyPasswords):
        guesses.count(db, ADA, OTHER, known=False)


def test_a_known_browser_without_a_name_is_a_stranger(db, clock):
    assert guesses.count(db, ADA, Origin(), known=True).scope == guesses.ACCOUNT


def test_browsers_and_accounts_are_counted_apart(db, clock):
    guesses.count(db, ADA, BROWSER, known=True)
    guesses.count(db, ADA, OTHER, known=True)
    guesses.count(db, "grace@x.example", BROWSER, known=True)
    assert set(rows(db).values()) == {1}
    assert len(rows(db)) == 3


def test_the_longest_address_can_be_counted_for_a_known_browser(db, clock):
    longest = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 52}.example"
    assert len(guesses.counted_form(longest)) == 253
    use_up(db, clock, longest, Origin(device="x" * 22), known=True, times=2)
    assert list(rows(db).values()) == [2]


def test_a_good_password_forgives_its_own_count_alone(db, clock):
    stranger = use_up(db, clock, origin=OTHER, times=3)[-1]
    known = use_up(db, clock, known=True, times=3)[-1]
    guesses.forgive(db, known)
    db.commit()
    assert rows(db) == {(guesses.ACCOUNT, ADA): 3}
    guesses.forgive(db, stranger)
    db.commit()
    assert rows(db) == {}


def test_a_pause_is_lifted_once_and_only_the_one_that_is_meant(db, clock):
    use_up(db, clock)
    ends_at = guesses.window_ends_at(db, ADA)
    assert not guesses.lift(db, ADA, ends_at=ends_at - timedelta(microseconds=1))
    assert guesses.lift(db, ADA, ends_at=ends_at)
    assert not guesses.lift(db, ADA, ends_at=ends_at)
    assert guesses.window_ends_at(db, ADA) is None
    use_up(db, clock, times=2)


def test_lifting_leaves_the_counts_of_known_browsers(db, clock):
    use_up(db, clock, known=True, times=4)
    use_up(db, clock)
    guesses.lift(db, ADA)
    db.commit()
    assert rows(db) == {(guesses.DEVICE, f"a-browser {ADA}"): 4}


def test_the_counts_are_tidied_away_with_their_windows(db, clock):
    use_up(db, clock, known=True, times=2)
    use_up(db, clock, times=2)
    clock.shift(guesses.WINDOW)
    throttle.tidy(db)
    db.commit()
    assert rows(db) == {}

"""The core of codes, as every door uses it: who is mailed what, and what a code opens."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select, update

from app.addresses import BadAddress
from app.core.audit import NOWHERE
from app.core.entry import by_code
from app.core.entry.by_code import Door
from app.core.errors import Refusal, TooManyTries, WrongCode
from app.edge import ours
from app.models.access import Code, Purpose, TryCount
from app.models.people import User
from app.models.rosters import RosterLine

ADA = "ada@learn.agency.example"
DOOR = Door(Purpose.API, timedelta(minutes=5))


@pytest.fixture
def terms(app):
    with app.app_context():
        return ours.terms()


@pytest.fixture
def code(db, mails, terms):
    """Asks at a door, and reads the digits from the mail; None where it has none."""

    def ask(email=ADA, door=DOOR):
        by_code.ask(db, email, door, terms=terms, origin=NOWHERE)
        db.commit()
        found = re.search(r"^(\d{6})$", mails.text(email.lower()), re.MULTILINE)
        return found[1] if found else None

    return ask


@pytest.fixture
def prove(db, terms):
    def prove(digits, email=ADA, door=DOOR):
        try:
            user_id = by_code.prove(db, email, digits, door, terms=terms, origin=NOWHERE)
        except Refusal as refusal:
            db.rollback()
            return refusal.code
        db.commit()
        return user_id

    return prove


def wrong(digits):
    return f"{(int(digits) + 1) % 10**6:06d}"


def test_a_code_proves_its_address_once_and_in_any_spelling(people, code, prove, db):
    ada = people.account(ADA)
    assert ada.verified_at is None
    digits = code()
    assert prove(digits, ADA.upper()) == ada.id
    assert prove(digits) == "wrong_code"
    db.refresh(ada)
    assert ada.verified_at is not None


def test_a_code_is_for_its_purpose_and_its_requester_alone(people, code, prove):
    ada = people.account(ADA)
    asked = replace(DOOR, requester="key:1")
    digits = code(door=asked)
    for other in (DOOR, replace(DOOR, requester="key:2"), replace(asked, purpose=Purpose.SIGN_IN)):
        assert prove(digits, door=other) == "wrong_code"
    assert prove(digits, door=asked) == ada.id


def test_five_wrong_ones_end_every_live_code_and_a_new_one_brings_no_new_tries(people, code, prove):
    people.account(ADA)
    first, second = code(), code()
    for _ in range(5):
        assert prove(wrong(second)) == "wrong_code"
    assert [prove(first), prove(second), prove(code())] == ["too_many_tries"] * 3
    other = replace(DOOR, purpose=Purpose.SIGN_IN)
    assert isinstance(prove(code(door=other), door=other), int)


def test_a_hundred_wrong_guesses_at_once_count_exactly_five(app, people, code, prove, terms, db):
    people.account(ADA)
    digits = code()
    make = app.extensions["rollcall"].sessions
    barrier = Barrier(100)

    def guess(number):
        typed = f"{(int(digits) + number + 1) % 10**6:06d}"
        with make() as own:
            barrier.wait(60)
            try:
                by_code.prove(own, ADA, typed, DOOR, terms=terms, origin=NOWHERE)
            except TooManyTries:
                return "too many"
            except WrongCode:
                return "wrong"
            return "in"

    with ThreadPoolExecutor(100) as pool:
        results = Counter(pool.map(guess, range(100)))
    assert results == {"wrong": 5, "too many": 95}
    assert db.scalar(select(TryCount.count).where(TryCount.scope == "code:api")) == 5
    assert prove(digits) == "too_many_tries"


def test_many_with_the_right_code_are_one(app, people, code, terms):
    ada = people.account(ADA)
    digits = code()
    make = app.extensions["rollcall"].sessions
    barrier = Barrier(20)

    def use(_number):
        with make() as own:
            barrier.wait(60)
            try:
                found = by_code.prove(own, ADA, digits, DOOR, terms=terms, origin=NOWHERE)
                own.commit()
            except Refusal:
                return None
            return found

    with ThreadPoolExecutor(20) as pool:
        results = Counter(pool.map(use, range(20)))
    assert results == {ada.id: 1, None: 19}


def test_a_listed_person_gets_an_account_with_the_first_proven_code(people, code, prove, db):
    people.listed("Hopper", ADA, "L1")
    digits = code()
    assert db.scalar(select(func.count()).select_from(User)) == 0
    user_id = prove(digits)
    made = db.get(User, user_id)
    assert (made.last_name, made.from_roster, made.password_hash) == ("Hopper", True, None)
    assert made.verified_at is not None
    assert prove(code()) == user_id


def test_who_was_taken_off_the_list_since_the_mail_gets_no_account(people, code, prove, db):
    people.listed("Hopper", ADA, "L1")
    digits = code()
    db.execute(update(RosterLine).values(active=False))
    db.commit()
    assert prove(digits) == "wrong_code"
    assert db.scalar(select(func.count()).select_from(User)) == 0


def test_a_stranger_is_let_in_by_an_open_door_alone(code, prove, db):
    assert code() is None
    assert prove("123456") == "wrong_code"
    is_open = replace(DOOR, is_open=True)
    made = db.get(User, prove(code(door=is_open), door=is_open))
    assert (made.came_by, made.last_name, made.from_roster) == ("code", "", False)


def test_who_may_not_be_here_is_answered_alike_and_mailed_no_code(people, code, prove, db):
    people.account(ADA, status="Inactive")
    assert code() is None
    assert prove("123456") == "wrong_code"
    rows = db.execute(select(Code.purpose, Code.secret_hash)).all()
    assert rows == [("api", None)]


def test_what_is_no_address_is_said_at_once(db, terms, prove):
    for act in (
        lambda: by_code.ask(db, "ada", DOOR, terms=terms, origin=NOWHERE),
        lambda: by_code.prove(db, "ada", "123456", DOOR, terms=terms, origin=NOWHERE),
    ):
        with pytest.raises(BadAddress):
            act()

"""Codes by WhatsApp below every door: bound to purpose and requester, counted, good once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import sleep

import pytest
from sqlalchemy import select, text

from app.core.audit import Origin
from app.core.desk.people import removing
from app.core.entry import by_phone, own_phone, signin
from app.core.entry.by_code import Door
from app.core.entry.by_phone import TooManyPhoneCodes, WrongPhoneCode
from app.core.errors import TooManyTries, WrongCode
from app.core.people import roles
from app.core.proof import codes, credentials
from app.edge import ours
from app.models.access import Code, Credential, CredentialKind, Purpose, TryCount
from app.models.people import User
from app.phones import BadNumber

NUMBER = "+31612345678"
HERE = Origin(ip="192.0.2.1")
API = Door(Purpose.API, timedelta(minutes=5))
SITE = Door(Purpose.SIGN_IN, timedelta(minutes=15), requester="a browser")


@pytest.fixture
def terms(app):
    """What every door goes by here."""
    with app.app_context():
        return ours.terms()


@pytest.fixture
def ada(people, db):
    """Somebody whose number this is."""
    user = people.account("ada@x.example")
    credentials.add(db, user.id, CredentialKind.PHONE, NUMBER)
    db.commit()
    return user


@pytest.fixture
def ask(db, terms, mails):
    """Asks at a door; the code that came, None where none did."""

    def asked(door, number=NUMBER):
        before = len(mails.to(NUMBER))
        assert by_phone.ask(db, number, door, terms=terms, origin=HERE) == number
        db.commit()
        return mails.code(NUMBER) if len(mails.to(NUMBER)) > before else None

    return asked


@pytest.fixture
def prove(db, terms):
    """Types a code at a door; whose it is."""

    def proven(door, typed, number=NUMBER):
        found = by_phone.prove(db, number, typed, door, terms=terms, origin=HERE)
        db.commit()
        return found

    return proven


def test_a_program_gets_who_it_is_and_a_code_is_good_once(ada, ask, prove):
    code = ask(API)
    assert prove(API, code) == ada.id
    with pytest.raises(WrongPhoneCode):
        prove(API, code)


def test_a_code_opens_no_other_door_and_nothing_for_another_requester(ada, ask, prove):
    code = ask(SITE)
    another = Door(Purpose.SIGN_IN, SITE.lifetime, requester="another browser")
    for door in (API, another):
        with pytest.raises(WrongCode):
            prove(door, code)
    assert prove(SITE, code) == ada.id


def test_who_has_a_role_is_let_in_where_the_door_says_so(ada, db, ask, prove):
    roles.make_owner(db, ada.id, stamp=roles.owner_stamp(db))
    db.commit()
    closed = Door(Purpose.SIGN_IN, SITE.lifetime, requester="a browser", for_roles=False)
    assert ask(closed) is None
    assert prove(API, ask(API)) == ada.id


def test_it_is_asked_for_so_often_and_not_more_known_or_not(ada, db, ask, terms):
    for number in (NUMBER, "+31687654321"):
        for _ in range(10):
            by_phone.ask(db, number, API, terms=terms, origin=HERE)
            db.commit()
        with pytest.raises(TooManyTries):
            by_phone.ask(db, number, API, terms=terms, origin=HERE)


def test_a_national_number_is_none_to_a_program(db, terms):
    for typed in ("0612345678", "ada@x.example", ""):
        with pytest.raises(BadNumber):
            by_phone.ask(db, typed, API, terms=terms, origin=HERE)
        with pytest.raises(BadNumber):
            by_phone.prove(db, typed, "123456", API, terms=terms, origin=HERE)


def test_of_many_wrong_guesses_at_once_five_are_counted_and_the_right_code_is_dead(
    app, ada, db, ask, prove, terms
):
    code = ask(API)

    def guess(number):
        wrong = f"{(int(code) + 1 + number) % 10**6:06d}"
        with app.extensions["rollcall"].sessions() as mine:
            try:
                by_phone.prove(mine, NUMBER, wrong, API, terms=terms, origin=HERE)
            except TooManyPhoneCodes:
                return False
            except WrongPhoneCode:
                return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(24))) == codes.LIMIT.tries
    with pytest.raises(TooManyPhoneCodes):
        prove(API, code)
    counted = select(TryCount.count).where(TryCount.scope == "code:api")
    assert db.scalar(counted) == codes.LIMIT.tries


# SQLite has one writer at a time.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("journey", ["sign in", "remove the number", "delete the account"])
def test_the_persons_row_comes_first_so_that_no_two_journeys_wait_for_each_other(
    journey, app, ada, ask, terms, db
):
    code, user_id = ask(SITE), ada.id
    codes.issue_none(db, Purpose.API, ada.email, lifetime=API.lifetime)
    db.commit()
    sessions = app.extensions["rollcall"].sessions

    def travel():
        with sessions() as own:
            if journey == "sign in":
                by_phone.prove(own, NUMBER, code, SITE, terms=terms, origin=HERE)
                signin.admit(
                    own, user_id, "whatsapp", HERE, remember=False, lifetimes=terms.lifetimes
                )
            elif journey == "remove the number":
                own_phone.remove(own, own.get(User, user_id), HERE, by=None)
            else:
                removing.remove_all(own, [user_id], keep_chats=False, by=None, origin=HERE)
            own.commit()

    with ThreadPoolExecutor(1) as other:
        db.execute(select(User.id).where(User.id == user_id).with_for_update())
        going = other.submit(travel)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        for _ in range(500):
            if db.scalar(waiting):
                break
            sleep(0.01)
        else:
            pytest.fail("it does not wait for the person's row")
        # What the other one would hold by now if it had not begun with the person.
        db.execute(select(Code.id).with_for_update(nowait=True))
        db.execute(select(Credential.id).with_for_update(nowait=True))
        db.commit()
        going.result(timeout=10)

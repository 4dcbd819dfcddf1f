"""Lanes at the door: who waits for a hash, who is told at once to come again, and who passes.

Bodies are as short as the lane allows: a lane without a queue is full as soon as one is in it.
"""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import flask_bcrypt
import pytest
from sqlalchemy import event, func, select

from app.core.errors import Busy
from app.edge import lanes
from app.edge.lanes import Hall, Lane
from app.models.access import Code, TryCount
from app.models.records import AuditEntry, OutgoingMessage
from tests.conftest import PASSWORD
from tests.moments import TURNS, fitting, seconds

ADA = "ada@learn.agency.example"
GRACE = "grace@learn.agency.example"
NEW = "seven amber lanterns"

# A lane is the process's own: which database stands behind it changes nothing.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def narrow(monkeypatch):
    """The strangers' lane without its queue."""
    monkeypatch.setattr(lanes, "strangers", Lane(at_once=1, queue=0))


@pytest.fixture
def nobody_passes(narrow):
    """Keeps the strangers' lane full."""
    with lanes.strangers():
        yield


@contextmanager
def busy_friends():
    """Every turn of the known browsers' lane is taken."""
    with ExitStack() as turns:
        for _ in range(os.cpu_count() or 1):
            turns.enter_context(lanes.friends())
        yield


def wait_until(fits):
    """Wait until this is so; for ten seconds at most."""
    deadline = time.monotonic() + 10
    while not fits() and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture
def watched(monkeypatch):
    """Makes a check last, for 0.2 s or as `lasts` says, and notes how many ran at once, at most."""
    seen = {"now": 0, "most": 0, "all": 0, "lasts": lambda: time.sleep(0.2)}
    lock = threading.Lock()
    real = flask_bcrypt.Bcrypt.check_password_hash

    def slow(*args, **kwargs):
        with lock:
            seen["now"] += 1
            seen["all"] += 1
            seen["most"] = max(seen["most"], seen["now"])
        seen["lasts"]()
        try:
            return real(*args, **kwargs)
        finally:
            with lock:
                seen["now"] -= 1

    monkeypatch.setattr(flask_bcrypt.Bcrypt, "check_password_hash", slow)
    return seen


def known(people, visitors, email=ADA):
    """A browser that signed in before, and out again."""
    visitor = people.signed_in(email)
    visitor.submit("/logout")
    return visitor


def ready(visitor, email, password=PASSWORD):
    """A press of the sign-in button, with its page open already."""
    data = {"csrf_token": visitor.token(), "email": email, "password": password}
    return lambda: visitor.client.post("/login", data=data)


def at_once_said(act):
    """Whether it is done long before the moment at which doors answer."""

    def fits(took):
        return took < 0.6

    return fits(fitting(lambda _turn: seconds(act), fits))


def at_once(presses):
    """The answers to presses that happen at the same moment."""
    barrier = threading.Barrier(len(presses))

    def one(press):
        barrier.wait(20)
        return press()

    with ThreadPoolExecutor(len(presses)) as pool:
        return list(pool.map(one, presses))


# The lane itself.


def test_one_has_the_turn_two_wait_and_the_next_is_refused(app):
    lane = Lane(at_once=1, queue=2)
    order, let_go = [], threading.Event()

    def enter(name):
        with lane():
            order.append(name)
            assert let_go.wait(10)

    threads = [threading.Thread(target=enter, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: not lane._places._value)
    assert len(order) == 1
    with app.app_context(), pytest.raises(Busy), lane():
        order.append("too many")
    let_go.set()
    for thread in threads:
        thread.join(10)
    assert sorted(order) == [0, 1, 2]
    with lane():
        pass


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, KeyboardInterrupt, SystemExit])
def test_turn_and_place_are_given_back_however_it_ends(app, error):
    for lane in (Lane(at_once=1, queue=0), Lane(at_once=1, queue=2)):
        for _ in range(3):
            with app.app_context(), pytest.raises(error), lane():
                raise error


# Who is turned away.


def test_who_finds_the_lane_full_is_told_so_and_when_to_come_again(visitor, nobody_passes):
    response = visitor.sign_in(ADA, "my secret words")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "2"
    assert "We are busy for a moment." in response.text
    field = visitor.page(response).find("input", {"name": "email"})
    assert field["value"] == ADA
    assert "my secret words" not in response.text
    assert "device" not in response.headers.get("Set-Cookie", "")


@pytest.mark.parametrize("state", [None, {}, {"password": None}, {"status": "Inactive"}])
def test_a_full_lane_says_nothing_about_anybody(visitor, people, nobody_passes, app, db, state):
    if state is not None:
        people.account(ADA, **state)
    press = ready(visitor, ADA)
    statements = []

    def note(_connection, _cursor, statement, *_rest):
        statements.append(statement)

    engine = app.extensions["rollcall"].sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", note)
    response = press()
    event.remove(engine, "before_cursor_execute", note)
    assert response.status_code == 503
    assert statements == []
    for table in (TryCount, AuditEntry, Code, OutgoingMessage):
        assert db.scalar(select(func.count()).select_from(table)) == 0


class TestWithAnAnswerTime:
    """Doors answer after 1.2 seconds here."""

    @pytest.fixture
    def environment(self, environment):
        """The settings' environment, with a moment at which doors answer."""
        return environment | {"ANSWER_TIME": "1.2"}

    def test_who_is_turned_away_is_so_at_once(self, visitor, nobody_passes):
        press = ready(visitor, ADA)

        def turned_away():
            assert press().status_code == 503

        assert at_once_said(turned_away)

    @pytest.mark.parametrize("path", ["/login", "/forgot-password", "/reset-password"])
    def test_what_is_malformed_is_said_at_once(self, visitor, path):
        data = {"csrf_token": visitor.token(), "email": "", "password": ""}

        def refused():
            assert visitor.client.post(path, data=data).status_code == 422

        assert at_once_said(refused)

    @pytest.mark.parametrize("path", ["/register", "/forgot-password", "/first-time-password"])
    def test_who_asks_for_a_mail_is_answered_at_the_moment(self, visitor, people, path):
        for turn in range(TURNS):
            people.account(f"p{turn}@x.example")
        data = {"csrf_token": visitor.token(), **FIELDS}

        def measure(turn):
            data["email"] = f"p{turn}@x.example"
            return seconds(asked)

        def asked():
            assert visitor.client.post(path, data=data).status_code == 303

        def is_the_moment(took):
            return 1.2 <= took < 2.3

        assert is_the_moment(fitting(measure, is_the_moment))

    def test_who_waits_for_the_moment_to_answer_holds_no_turn(self, visitors, narrow):
        presses = [ready(visitors(), ADA, "wrong words") for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            asked = []
            for press in presses:
                asked.append(pool.submit(press))
                time.sleep(0.2)
            started = time.monotonic()
            assert [each.result().status_code for each in asked] == [401] * 3
            assert time.monotonic() - started > 0.3


class TestWithFourThreads:
    """Two may stand at doors here, which answer after 1.2 seconds."""

    @pytest.fixture
    def environment(self, environment):
        """The settings' environment, with few threads."""
        return environment | {"ANSWER_TIME": "1.2", "WEB_THREADS": "4"}

    def test_who_waits_for_the_moment_to_answer_stands_in_the_hall(self, visitors):
        def asking(number):
            visitor = visitors()
            data = {"csrf_token": visitor.token(), "email": f"p{number}@x.example"}
            return lambda: visitor.client.post("/forgot-password", data=data)

        presses = [asking(number) for number in range(4)]
        with ThreadPoolExecutor(2) as pool:
            inside = [pool.submit(press) for press in presses[:2]]
            wait_until(lambda: lanes.hall._inside == 2)
            assert presses[2]().status_code == 503
            assert not any(each.done() for each in inside), "who came third waited for nobody"
            assert [each.result().status_code for each in inside] == [303] * 2
        assert presses[3]().status_code == 303


# Who hashes, and how many at once.


def test_of_six_strangers_at_once_three_get_a_hash_one_after_the_other(visitors, watched, db):
    statuses = []

    def noting(press):
        return lambda: statuses.append(press().status_code)

    presses = [ready(visitors(), f"p{number}@x.example") for number in range(6)]
    watched["lasts"] = lambda: wait_until(lambda: len(statuses) >= 3)
    at_once([noting(press) for press in presses])
    assert statuses == [503] * 3 + [401] * 3
    assert watched["most"] == 1
    assert watched["all"] == 3
    assert db.scalar(select(func.count()).select_from(TryCount)) == 3


def test_known_browsers_pass_where_strangers_are_turned_away(people, visitors, nobody_passes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "strangers", Lane(at_once=1, queue=2))
        ada = known(people, visitors)
    people.account(GRACE)
    assert visitors().sign_in(ADA).status_code == 503
    assert ada.sign_in(GRACE).status_code == 503
    assert ada.sign_in(ADA).status_code == 303


def test_known_browsers_wait_their_turn_and_none_is_turned_away(people, visitors, watched):
    presses = []
    for number in range(6):
        visitor = known(people, visitors, f"p{number}@x.example")
        presses.append(ready(visitor, f"p{number}@x.example"))
    assert {each.status_code for each in at_once(presses)} == {303}
    assert watched["most"] <= (os.cpu_count() or 1)


def test_the_place_is_given_back_after_every_kind_of_answer(people, visitors, narrow, monkeypatch):
    people.account(ADA)
    people.account(GRACE, password=None)
    people.account("out@x.example", status="Inactive")
    for email in (ADA, GRACE, "nobody@x.example", "no address", "out@x.example"):
        statuses = [visitors().sign_in(email, "wrong words").status_code for _ in range(7)]
        assert set(statuses) == {401, 429}
    assert visitors().sign_in("out@x.example").status_code == 429

    def broken(*_args, **_kwargs):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(flask_bcrypt.Bcrypt, "check_password_hash", broken)
        for _ in range(3):
            assert visitors().sign_in("b@x.example").status_code == 500
    assert visitors().sign_in("b@x.example").status_code == 401


# The hall, where those stand who wait for a door to answer.


@pytest.fixture
def full_hall(settings):
    """As many stand in the hall as may."""
    with ExitStack() as places:
        for _ in range(settings.WEB_THREADS // 2):
            places.enter_context(lanes.hall(settings.WEB_THREADS // 2))
        yield


DOORS = [
    "/login",
    "/register",
    "/register/password",
    "/forgot-password",
    "/first-time-password",
    "/reset-password",
    "/setup-password",
    "/lift-pause",
]
FIELDS = {"email": ADA, "last_name": "Lovelace", "code": "000000", "password": PASSWORD}


@pytest.mark.parametrize("path", DOORS)
def test_who_finds_the_hall_full_is_turned_away_before_anything_is_looked_up(
    visitor, people, full_hall, app, db, path
):
    people.account(ADA)
    data = {"csrf_token": visitor.token(), **FIELDS}
    statements = []

    def note(_connection, _cursor, statement, *_rest):
        statements.append(statement)

    engine = app.extensions["rollcall"].sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", note)
    response = visitor.client.post(path, data=data)
    event.remove(engine, "before_cursor_execute", note)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert statements == []
    assert visitor.get(path).status_code == 200
    for table in (TryCount, AuditEntry, Code, OutgoingMessage):
        assert db.scalar(select(func.count()).select_from(table)) == 0


def test_known_browsers_and_mailed_buttons_pass_a_full_hall(people, visitors, mails, settings):
    ada = known(people, visitors)
    visitors().submit("/forgot-password", email=ADA)
    link = mails.link(ADA)
    most = settings.WEB_THREADS // 2
    with ExitStack() as places:
        for _ in range(most):
            places.enter_context(lanes.hall(most))
        assert visitors().sign_in(ADA).status_code == 503
        assert ada.sign_in(GRACE, "wrong words").status_code == 503
        assert ada.sign_in(ADA).status_code == 303
        assert visitors().submit(link, password=NEW).status_code == 303
    assert visitors().sign_in(ADA, NEW).status_code == 303


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_the_place_in_the_hall_is_given_back_however_it_ends(app, error):
    hall = Hall()
    for _ in range(3):
        with app.app_context(), pytest.raises(error), hall(1):
            raise error
    with app.app_context(), hall(1), pytest.raises(Busy), hall(1):
        pass
    with hall(1):
        pass


def test_every_answer_leaves_the_hall(visitors, people, settings):
    people.account(ADA)
    for path in DOORS:
        for fields in (FIELDS, FIELDS | {"email": "no address"}, {"email": ""}):
            assert visitors().submit(path, **fields).status_code != 503
    assert visitors().client.post("/login", data={"email": ADA}).status_code == 400
    with ExitStack() as places:
        for _ in range(settings.WEB_THREADS // 2):
            places.enter_context(lanes.hall(settings.WEB_THREADS // 2))


# Who proved something waits.


def reset_by_link(visitor, people, mails):
    people.account(ADA)
    visitor.submit("/forgot-password", email=ADA)
    return mails.link(ADA), {"password": NEW}


def reset_by_code(visitor, people, mails):
    people.account(ADA)
    visitor.submit("/forgot-password", email=ADA)
    return "/reset-password", {"email": ADA, "code": mails.code(ADA), "password": NEW}


def set_up_by_link(visitor, people, mails):
    people.account(ADA, password=None)
    visitor.submit("/first-time-password", last_name="Lovelace", email=ADA)
    return mails.link(ADA), {"password": NEW}


def register_by_link(visitor, people, mails):
    people.listed("Lovelace", ADA, "A1")
    visitor.submit("/register", last_name="Lovelace", email=ADA)
    return mails.link(ADA), {"password": NEW}


def register_by_code(visitor, people, mails):
    people.listed("Lovelace", ADA, "A1")
    visitor.submit("/register", last_name="Lovelace", email=ADA)
    return "/register/password", {"email": ADA, "code": mails.code(ADA), "password": NEW}


@pytest.mark.parametrize(
    "prepare", [reset_by_link, reset_by_code, set_up_by_link, register_by_link, register_by_code]
)
def test_a_valid_code_or_link_waits_for_its_turn(visitor, people, mails, nobody_passes, prepare):
    path, fields = prepare(visitor, people, mails)
    data = {"csrf_token": visitor.token(path), **fields}
    answers = []
    thread = threading.Thread(target=lambda: answers.append(visitor.client.post(path, data=data)))
    with busy_friends():
        thread.start()
        thread.join(0.4)
        assert answers == []
    thread.join(10)
    assert [each.status_code for each in answers] == [303]


def test_a_wrong_code_waits_for_no_turn(visitor, people, mails):
    path, fields = reset_by_code(visitor, people, mails)
    wrong = {**fields, "code": f"{(int(fields['code']) + 1) % 10**6:06d}"}
    with busy_friends():
        assert visitor.submit(path, **wrong).status_code == 400

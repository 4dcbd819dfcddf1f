"""The device cookie: which browser is known to which account, and what that is worth."""

import base64
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from app import config, create_app
from app.edge import devices, lanes
from app.edge.lanes import Lane
from app.models.access import SignInSession, TryCount
from tests.conftest import PASSWORD, Visitor

ADA = "ada@learn.agency.example"
GRACE = "grace@learn.agency.example"
WRONG = "not her password"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = timedelta(seconds=32)
DAY = timedelta(days=1)


@pytest.fixture
def is_known(monkeypatch):
    """Whether this browser passes where strangers are turned away."""
    monkeypatch.setattr(lanes, "strangers", Lane(at_once=1, queue=0))

    def ask(visitor, email=ADA):
        with lanes.strangers():
            return visitor.sign_in(email, WRONG).status_code != 503

    return ask


@pytest.fixture
def clock():
    """A clock that stands at START."""
    with time_machine.travel(START, tick=False) as moved:
        yield moved


def cookie_of(visitor, name="device"):
    found = visitor.client.get_cookie(name)
    return found.value if found else None


def with_cookie(visitors, value):
    visitor = visitors()
    visitor.client.set_cookie("device", value)
    return visitor


def set_cookies(response, name):
    return [each for each in response.headers.getlist("Set-Cookie") if each.startswith(name)]


def use_up(visitor, clock, email=ADA, times=10):
    """Wrong passwords, each after the wait that the last one brought; their statuses."""
    statuses = []
    for _ in range(times):
        statuses.append(visitor.sign_in(email, WRONG).status_code)
        clock.shift(STEP)
    return statuses


# The cookie.


def test_it_is_set_at_sign_in_and_only_then(visitor, people):
    people.account(ADA)
    for response in (visitor.get("/login"), visitor.sign_in(ADA, WRONG), visitor.sign_in("x")):
        assert set_cookies(response, "device=") == []
    [cookie] = set_cookies(visitor.sign_in(ADA), "device=")
    parts = cookie.split("; ")[1:]
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=34560000"} <= set(parts)
    assert not {"Secure"} & set(parts)
    assert not any(part.startswith("Domain") for part in parts)


class TestUnderHttps:
    """People reach us over https here."""

    @pytest.fixture
    def environment(self, environment):
        """The settings' environment, with an https address."""
        return environment | {"PUBLIC_URL": "https://localhost"}

    def test_it_is_bound_to_this_host_and_to_https(self, visitor, people, is_known):
        people.account(ADA)
        [cookie] = set_cookies(visitor.sign_in(ADA), "__Host-device=")
        parts = cookie.split("; ")[1:]
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(parts)
        assert not any(part.startswith("Domain") for part in parts)
        assert is_known(visitor)

    def test_the_name_that_another_host_could_set_is_not_looked_at(
        self, visitor, visitors, people, is_known
    ):
        people.account(ADA)
        visitor.sign_in(ADA)
        assert not is_known(with_cookie(visitors, cookie_of(visitor, "__Host-device")))


@pytest.mark.parametrize("way", ["registration", "reset", "set-up", "first admin"])
def test_every_way_in_makes_the_browser_known(visitor, people, mails, is_known, way):
    if way == "registration":
        people.listed("Lovelace", ADA, "A1")
        visitor.submit("/register", last_name="Lovelace", email=ADA)
    elif way == "first admin":
        fields = {"last_name": "Lovelace", "email": ADA, "password": "seven amber lanterns"}
        assert visitor.submit(people.admin_link(), **fields).status_code == 303
    else:
        people.account(ADA, password=None if way == "set-up" else PASSWORD)
        visitor.submit("/forgot-password", email=ADA)
    if way != "first admin":
        done = visitor.submit(mails.link(ADA), password="seven amber lanterns")
        assert done.status_code == 303
    assert is_known(visitor)


def test_it_outlives_signing_out(visitor, people, is_known):
    people.account(ADA)
    assert not is_known(visitor)
    visitor.sign_in(ADA)
    before = cookie_of(visitor)
    visitor.submit("/logout")
    assert cookie_of(visitor) == before
    assert is_known(visitor)


def test_it_signs_nobody_in_and_names_nobody(visitor, visitors, people):
    people.account(ADA)
    visitor.sign_in(ADA)
    value = cookie_of(visitor)
    assert with_cookie(visitors, value).get("/program_select").status_code == 302
    payload = value.split(".")[0]
    read = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode("latin-1")
    assert "ada" not in read.lower()


def test_a_forged_cookie_is_no_cookie(visitor, visitors, people, is_known, app):
    people.account(ADA)
    people.account(GRACE)
    visitor.sign_in(ADA)
    value = cookie_of(visitor)
    payload, dated, signature = value.rsplit(".", 2)
    other = base64.urlsafe_b64encode(b'["x",["' + b"0" * 24 + b'"]]').decode().rstrip("=")
    with app.test_request_context():
        unsigned = devices._serializer().dump_payload(["x", [devices._mark(GRACE, "k")]]).decode()
    forged = [
        "", "x", "..", value[:-3], value + "x", f"{payload}.{dated}.", f"{payload}.{signature}",
        f"{other}.{dated}.{signature}", f"{unsigned}.{dated}.{signature}",
        visitor.client.get_cookie("rollcall").value,
    ]  # fmt: skip
    assert is_known(with_cookie(visitors, value))
    for each in forged:
        assert not is_known(with_cookie(visitors, each)), each


@pytest.mark.parametrize(("days", "known"), [(399, True), (401, False), (-1, False)])
def test_it_is_good_for_400_days(visitor, people, is_known, clock, days, known):
    people.account(ADA)
    visitor.sign_in(ADA)
    value = cookie_of(visitor)
    clock.shift(days * DAY)
    # The browser would have dropped it; who keeps it longer gains nothing.
    visitor.client.set_cookie("device", value)
    assert is_known(visitor) is known


class TestWithANewKey:
    """The key of the settings is followed by another one."""

    OLD = "the first secret that stands in tests alone 01"
    FRESH = "the second secret that stands in tests alone 2"

    @pytest.fixture
    def environment(self, environment):
        """The settings' environment, with a key that can be listed as a former one."""
        return environment | {"FLASK_SECRET_KEY": self.OLD}

    @pytest.fixture
    def later(self, environment):
        """Visitors of the same installation under the new key: the former listed, and not."""
        fresh = environment | {"FLASK_SECRET_KEY": self.FRESH}
        apps = [
            create_app(config.load(each))
            for each in (fresh | {"SECRET_KEY_FALLBACKS": self.OLD}, fresh)
        ]
        yield [Visitor(app) for app in apps]
        for app in apps:
            app.extensions["rollcall"].sessions.kw["bind"].dispose()

    def test_it_is_good_while_the_former_key_is_listed_and_then_as_made_anew(
        self, visitor, people, is_known, later
    ):
        people.account(ADA)
        visitor.sign_in(ADA)
        rotated, at_last = later
        at_last.client.set_cookie("device", cookie_of(visitor))
        assert not is_known(at_last)
        rotated.client.set_cookie("device", cookie_of(visitor))
        assert is_known(rotated)
        assert rotated.sign_in(ADA).status_code == 303
        at_last.client.set_cookie("device", cookie_of(rotated))
        assert is_known(at_last)


def test_a_browser_is_known_to_the_last_eight_accounts(visitor, people, is_known):
    emails = [f"p{number}@x.example" for number in range(devices.MOST + 1)]
    for email in emails:
        people.account(email)
        assert visitor.sign_in(email).status_code == 303
    first, *others = emails
    assert len(others) == 8
    assert not is_known(visitor, first)
    assert all(is_known(visitor, email) for email in others)
    assert visitor.sign_in(others[0]).status_code == 303
    people.account(GRACE)
    visitor.sign_in(GRACE)
    assert is_known(visitor, others[0])
    assert not is_known(visitor, others[1])


# What it is worth.


def test_at_another_account_it_is_worth_nothing(visitors, people, is_known, clock):
    people.account(ADA)
    mallory = people.signed_in("mallory@x.example")
    assert not is_known(mallory)
    statuses = use_up(mallory, clock, times=11)
    assert statuses == [401] * 10 + [429]
    assert mallory.sign_in(ADA).status_code == 429
    assert mallory.sign_in("mallory@x.example").status_code == 303


def test_the_owner_signs_in_all_through_the_pause(visitors, people, clock):
    owner, stranger = people.signed_in(ADA), visitors()
    owner.submit("/logout")
    assert use_up(stranger, clock) == [401] * 10
    assert stranger.sign_in(ADA).status_code == 429
    for _ in range(12):
        assert owner.sign_in(ADA).status_code == 303
        owner.submit("/logout")
    assert stranger.sign_in(ADA).status_code == 429


def test_a_known_browsers_own_tries_end_after_ten_and_then_it_is_a_stranger(
    visitors, people, clock
):
    thief = people.signed_in(ADA)
    assert use_up(thief, clock) == [401] * 10
    # The account's own count was not touched until now.
    assert visitors().sign_in(ADA).status_code == 303
    assert use_up(thief, clock) == [401] * 10
    assert thief.sign_in(ADA).status_code == 429
    assert visitors().sign_in(ADA).status_code == 429


def test_a_known_browser_that_must_wait_is_told_its_own_wait(visitors, people, clock):
    owner, stranger = people.signed_in(ADA), visitors()
    use_up(stranger, clock)
    for _ in range(5):
        assert owner.sign_in(ADA, WRONG).status_code == 401
    early = owner.sign_in(ADA)
    assert (early.status_code, early.headers["Retry-After"]) == (429, "2")
    assert "Wait 2 seconds" in early.text
    clock.shift(timedelta(seconds=2))
    assert owner.sign_in(ADA).status_code == 303


def test_a_known_browser_that_must_wait_uses_up_nobody_elses_tries(visitors, people, clock, db):
    owner = people.signed_in(ADA)
    statuses = [owner.sign_in(ADA, WRONG).status_code for _ in range(12)]
    assert statuses == [401] * 5 + [429] * 7
    scopes = select(TryCount.scope).where(TryCount.scope.startswith("password"))
    assert db.scalars(scopes).all() == ["password:device"]


def test_a_copied_cookie_has_no_count_of_its_own(visitors, people, clock):
    owner = people.signed_in(ADA)
    copies = [with_cookie(visitors, cookie_of(owner)) for _ in range(3)]
    assert [use_up(copy, clock, times=4) for copy in copies[:2]] == [[401] * 4] * 2
    assert use_up(copies[2], clock, times=2) == [401] * 2
    # Ten are used up; from here on the copies are strangers.
    assert use_up(copies[0], clock, times=10) == [401] * 10
    assert copies[1].sign_in(ADA).status_code == 429


def test_the_name_of_a_browser_stays_and_no_two_have_the_same(visitors, people, db):
    people.account(ADA)
    browsers = [visitors() for _ in range(3)]
    for browser in browsers * 2:
        assert browser.sign_in(ADA).status_code == 303
    names = db.scalars(select(SignInSession.device).order_by(SignInSession.id)).all()
    assert names[:3] == names[3:]
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"[\w-]{22}", name) for name in names)

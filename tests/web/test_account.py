"""One's own account: the list of sessions, the proof before what is sensitive, the password."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from sqlalchemy import select, update

from app.core.people import sessions
from app.models.access import SignInSession
from app.models.people import User
from app.models.records import AuditEntry
from app.models.rosters import RosterLine

ADA = "ada@learn.agency.example"
GRACE = "grace@learn.agency.example"
PASSWORD = "three green kettles"
NEW = "seven amber lanterns"
COOKIE = "rollcall"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def clock():
    """A clock that stands at START."""
    with time_machine.travel(START, tick=False) as moved:
        yield moved


@pytest.fixture
def ada(people):
    """A person with an account."""
    return people.account(ADA)


@pytest.fixture
def enter(visitors):
    """Signs Ada in with a browser of its own."""

    def signed_in(agent=FIREFOX, ip="127.0.0.1", email=ADA, **fields):
        visitor = visitors()
        visitor.client.environ_base["HTTP_USER_AGENT"] = agent
        visitor.client.environ_base["REMOTE_ADDR"] = ip
        assert visitor.sign_in(email, **fields).status_code == 303
        return visitor

    return signed_in


def cookie_of(visitor):
    return visitor.client.get_cookie(COOKIE).value


def thief_with(visitors, cookie):
    thief = visitors()
    thief.client.set_cookie(COOKIE, cookie)
    return thief


def is_in(visitor):
    response = visitor.get("/program_select")
    assert response.status_code in {200, 302}
    return response.status_code == 200


def titles(visitor):
    response = visitor.get("/account")
    assert response.status_code == 200
    return [
        " ".join(each.text.split()) for each in visitor.page(response).select(".whereabouts h3")
    ]


def endings(visitor):
    page = visitor.page(visitor.get("/account"))
    return [form["action"] for form in page.select("form") if "/end" in form["action"]]


def press(visitor, path):
    """Press a button of the account page, as a browser does: it says which page it stands on."""
    return visitor.client.post(
        path,
        data={"csrf_token": visitor.token("/account")},
        headers={"Referer": "http://localhost/account"},
    )


def events(db, event):
    db.rollback()
    rows = db.scalars(select(AuditEntry).where(AuditEntry.event == event).order_by(AuditEntry.id))
    return list(rows)


def confirm(visitor, password=PASSWORD, **fields):
    return visitor.submit("/confirm", password=password, **fields)


# The page and its list.


def test_who_is_not_signed_in_is_led_to_the_door(visitor):
    for path in ("/account", "/account/password", "/confirm"):
        response = visitor.get(path)
        assert (response.status_code, response.location) == (302, f"/login?next={path}")


def test_the_page_says_who_one_is(ada, enter):
    visitor = enter()
    facts = [each.text for each in visitor.page(visitor.get("/account")).select("dd")]
    assert facts == ["Lovelace", ADA]


def test_the_header_leads_to_the_account(ada, enter):
    visitor = enter()
    link = visitor.page(visitor.get("/program_select")).select_one("nav a[href='/account']")
    assert link.text == "Account"


def test_the_list_has_this_session_first_then_those_used_last(ada, enter, clock):
    this = enter(IPHONE)
    clock.shift(MINUTE)
    enter("curl/8.5.0")
    clock.shift(MINUTE)
    enter(FIREFOX)
    clock.shift(2 * MINUTE)
    assert titles(this) == ["Safari on iOS This device", "Firefox on Windows", "curl"]


def test_a_row_says_place_times_and_method(ada, enter, clock):
    enter(FIREFOX, ip="192.0.2.7")
    clock.shift(5 * MINUTE)
    this = enter()
    row = this.page(this.get("/account")).select(".whereabouts li")[1]
    words = " ".join(row.text.split())
    assert "From 192.0.2.7 · last seen 5 minutes ago" in words
    assert "Since Mar 2, 2026, 09:00 UTC, with your password" in words
    assert row.select_one("time")["title"] == "Mar 2, 2026, 09:00 UTC"
    assert row.select_one("time")["datetime"] == "2026-03-02T09:00:00Z"


def test_a_private_address_is_a_local_network(ada, enter):
    assert "From a local network" in enter(ip="192.168.7.3").get("/account").text


def test_a_hostile_user_agent_writes_nothing_into_the_page(ada, enter):
    this = enter()
    enter("<script>alert(1)</script>/1.0 (%(x)s; {{ 7*7 }})")
    page = this.get("/account").text
    assert "alert(1)" not in page
    assert titles(this)[1] == "An unknown browser"


def test_only_sessions_that_live_are_listed(ada, enter, clock):
    leaving = enter("curl/8.5.0")
    leaving.submit("/logout")
    enter("python-requests/2.31.0")
    remembered = enter(IPHONE, remember="1")
    clock.shift(timedelta(hours=12))
    assert titles(remembered) == ["Safari on iOS This device"]


def test_nobody_sees_or_ends_the_sessions_of_another_person(ada, enter, people, db):
    people.account(GRACE)
    grace, hers = enter(email=GRACE), enter(IPHONE)
    assert titles(grace) == ["Firefox on Windows This device"]
    foreign = db.scalar(select(SignInSession.id).where(SignInSession.user_id == ada.id))
    answers = [press(grace, f"/account/sessions/{each}/end") for each in (foreign, 99_999)]
    assert [each.status_code for each in answers] == [404, 404]
    # The token against forged forms, in the head, has the second in it.
    told = {grace.page(each).main.text.partition("Reference")[0] for each in answers}
    assert len(told) == 1
    assert is_in(hers)


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**31), str(2**80), "1.5", "%00"])
def test_an_id_that_no_row_can_have_is_not_found(ada, enter, number):
    assert press(enter(), f"/account/sessions/{number}/end").status_code == 404


def test_the_list_is_bounded(ada, enter, db):
    this = enter()
    lifetimes = sessions.Lifetimes(*[timedelta(days=1)] * 3)
    for _ in range(60):
        sessions.open_session(
            db,
            ada.id,
            method="password",
            remember=False,
            lifetimes=lifetimes,
            origin=sessions.Origin(),
        )
    db.commit()
    assert len(titles(this)) == 50
    assert "There may be more" in this.get("/account").text
    press(this, "/account/sessions/end-others")
    assert len(titles(this)) == 1


# Ending sessions.


def test_a_session_that_is_ended_from_the_list_is_dead_and_stays_dead(ada, enter, visitors, db):
    this, other, third = enter(), enter(IPHONE), enter("curl/8.5.0")
    copy = thief_with(visitors, cookie_of(other))
    assert is_in(copy)
    number = db.scalar(select(SignInSession.id).where(SignInSession.user_agent == IPHONE))
    response = press(this, f"/account/sessions/{number}/end")
    assert (response.status_code, response.location) == (303, "/account")
    assert "Signed out: Safari on iOS." in this.follow(response).text
    assert [is_in(each) for each in (this, other, copy, third)] == [True, False, False, True]
    assert titles(this) == ["Firefox on Windows This device", "curl"]
    [entry] = events(db, "session:ended")
    assert (entry.user_id, entry.actor_id, entry.details) == (ada.id, ada.id, {"session": number})
    assert press(this, f"/account/sessions/{number}/end").status_code == 404


def test_ending_all_others_leaves_this_one_alone(ada, enter, visitors, people, db):
    people.account(GRACE)
    this, grace = enter(), enter(email=GRACE)
    others = [enter(IPHONE), enter(remember="1")]
    copies = [thief_with(visitors, cookie_of(each)) for each in others]
    response = press(this, "/account/sessions/end-others")
    assert "You are signed in here alone now." in this.follow(response).text
    assert not any(is_in(each) for each in (*others, *copies))
    assert is_in(this)
    assert is_in(grace)
    assert [each.details for each in events(db, "session:ended")] == [{"session": "all others"}]


def test_there_is_no_button_where_there_is_nothing_to_end(ada, enter):
    assert endings(enter()) == []


def test_no_get_ends_anything(ada, enter):
    this, other = enter(), enter()
    for path in endings(this):
        assert this.get(path).status_code == 405
    assert is_in(other)


def test_without_its_token_nothing_is_ended_or_changed(ada, enter, db):
    this, other = enter(), enter()
    paths = [*endings(this), "/account/password", "/confirm"]
    assert len(paths) == 4
    for path in paths:
        response = this.client.post(path, data={"password": NEW})
        assert response.status_code == 400
    assert is_in(other)
    assert events(db, "session:ended") == []
    assert events(db, "password:changed") == []


def test_the_cookie_is_dead_after_signing_out(ada, enter, visitors):
    visitor = enter()
    stolen = cookie_of(visitor)
    assert is_in(thief_with(visitors, stolen))
    visitor.submit("/logout")
    for _ in range(20):
        assert not is_in(thief_with(visitors, stolen))


@pytest.mark.parametrize("how", ["suspended", "taken off the list"])
def test_who_may_no_longer_be_here_has_a_dead_cookie(how, enter, people, db):
    people.listed("Lovelace", ADA, "A1")
    people.account(ADA, from_roster=True)
    visitor = enter()
    assert is_in(visitor)
    if how == "suspended":
        db.execute(update(User).values(status="Inactive"))
    else:
        db.execute(update(RosterLine).values(active=False))
    db.commit()
    assert not is_in(visitor)
    assert visitor.get("/account").status_code == 302


# The proof before what is sensitive.


def test_ten_minutes_after_the_last_proof_it_is_asked_for_again(ada, enter, clock):
    visitor = enter()
    clock.shift(9 * MINUTE + timedelta(seconds=59))
    assert visitor.get("/account/password").status_code == 200
    clock.shift(timedelta(seconds=2))
    response = visitor.get("/account/password")
    assert (response.status_code, response.location) == (303, "/confirm?next=/account/password")
    assert visitor.get("/account").status_code == 200


def test_after_the_proof_one_is_back_and_has_ten_minutes_again(ada, enter, clock, db):
    visitor = enter()
    clock.shift(11 * MINUTE)
    path = visitor.get("/account/password").location
    page = visitor.page(visitor.get(path))
    assert page.select_one("#username")["value"] == ADA
    assert page.select_one("#username").has_attr("readonly")
    response = confirm(visitor, next="/account/password")
    assert (response.status_code, response.location) == (303, "/account/password")
    clock.shift(9 * MINUTE)
    assert visitor.get("/account/password").status_code == 200
    [entry] = events(db, "session:proved")
    assert (entry.user_id, entry.details) == (ada.id, {"method": "password"})


def test_who_has_no_password_proves_it_by_a_code_and_sets_one(people, visitor, mails, clock):
    people.account("bo@x.example", password=None)
    visitor.submit("/login", "/login/code", email="bo@x.example")
    visitor.submit("/login/code/enter", code=mails.code("bo@x.example"))
    page = visitor.page(visitor.get("/account"))
    assert "You have none yet" in page.text
    assert page.find("a", href="/account/password").text == "Set a password"
    clock.shift(11 * MINUTE)
    path = visitor.get("/account/password").location
    form = visitor.page(visitor.get(path)).select_one("main form")
    assert not form.select("[type=password]")
    fields = {each["name"]: each["value"] for each in form.select("[type=hidden]")}
    assert visitor.client.post(form["action"], data=fields).location == "/login/code/enter"
    answer = visitor.submit("/login/code/enter", code=mails.code("bo@x.example"))
    assert answer.location == "/account/password"
    assert visitor.page(visitor.get("/account/password")).h1.text == "Set a password"
    done = visitor.submit("/account/password", password="nine violet kettles")
    assert "Your password is set." in visitor.follow(done).text
    assert "Only you know it" in visitor.get("/account").text


def test_the_proof_gives_the_session_a_new_id_and_moves_nothing_else(
    ada, enter, visitors, clock, db
):
    visitor = enter(remember="1")
    stolen = cookie_of(visitor)
    [before] = db.execute(select(SignInSession.__table__)).mappings()
    clock.shift(11 * MINUTE)
    assert is_in(thief_with(visitors, stolen))
    assert confirm(visitor).status_code == 303
    assert is_in(visitor)
    for _ in range(20):
        assert not is_in(thief_with(visitors, stolen))
    db.rollback()
    [after] = db.execute(select(SignInSession.__table__)).mappings()
    moved = {name for name in before if before[name] != after[name]}
    assert moved == {"token_hash", "proved_at", "last_seen_at"}
    assert visitor.client.get_cookie(COOKIE).expires is not None


def test_a_stale_press_ends_nothing_and_comes_back_to_its_page(ada, enter, clock):
    visitor, other = enter(), enter()
    number = endings(visitor)[0]
    clock.shift(11 * MINUTE)
    response = press(visitor, number)
    assert (response.status_code, response.location) == (303, "/confirm?next=/account&again=1")
    assert is_in(other)
    page = visitor.page(visitor.get(response.location))
    fields = {each["name"]: each.get("value") for each in page.select("main [name]")}
    assert (fields["next"], fields["again"]) == ("/account", "1")
    back = confirm(visitor, next=fields["next"], again=fields["again"])
    assert back.location == "/account"
    assert "Thank you. Now press again." in visitor.follow(back).text
    assert press(visitor, number).status_code == 303
    assert not is_in(other)


@pytest.mark.parametrize(
    "referrer",
    [
        None,
        "",
        "http://evil.example/account",
        "http://localhost//evil.example",
        "http://localhost/nowhere",
        "javascript:alert(1)",
        "http://[",
    ],
)
def test_a_stale_press_from_nowhere_comes_back_to_the_account(ada, enter, clock, referrer):
    visitor = enter()
    clock.shift(11 * MINUTE)
    response = visitor.client.post(
        "/account/sessions/end-others",
        data={"csrf_token": visitor.token("/account")},
        headers={} if referrer is None else {"Referer": referrer},
    )
    assert (response.status_code, response.location) == (303, "/confirm?next=/account&again=1")


@pytest.mark.parametrize("target", ["//evil.example", "http://evil.example", "/\\evil", "/nowhere"])
def test_the_proof_leads_nowhere_but_to_our_own_pages(ada, enter, target):
    visitor = enter()
    assert confirm_late(visitor, target).location == "/account"
    assert visitor.get(f"/confirm?next={target}").location == "/account"


def confirm_late(visitor, target):
    # The form is open although the proof is fresh: posting it is allowed at any time.
    token = visitor.token("/account")
    data = {"csrf_token": token, "password": PASSWORD, "next": target}
    return visitor.client.post("/confirm", data=data)


def test_a_wrong_password_proves_nothing(ada, enter, clock, db):
    visitor = enter()
    clock.shift(11 * MINUTE)
    response = confirm(visitor, "not her password")
    assert response.status_code == 401
    assert "This is not your password. Try again." in response.text
    assert "not her password" not in response.text
    assert visitor.get("/account/password").status_code == 303
    assert is_in(visitor)
    assert events(db, "session:proved") == []
    assert confirm(visitor, "").status_code == 422


def test_wrong_tries_at_the_proof_and_at_the_door_are_one_budget(ada, enter, clock):
    visitor = enter()
    clock.shift(11 * MINUTE)
    answers = [confirm(visitor, "not her password").status_code for _ in range(12)]
    assert (answers[0], answers[-1]) == (401, 429)
    response = confirm(visitor)
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    assert visitor.sign_in(ADA).status_code == 429
    assert is_in(visitor)


def test_a_strangers_tries_do_not_keep_the_owner_from_the_proof(ada, enter, clock, visitors):
    visitor, stranger = enter(), visitors()
    clock.shift(11 * MINUTE)
    tries = [stranger.sign_in(ADA, "not her password").status_code for _ in range(12)]
    assert tries[-1] == 429
    assert confirm(visitor).status_code == 303


def test_a_session_that_was_ended_meanwhile_proves_nothing(ada, enter, clock, db):
    visitor = enter()
    clock.shift(11 * MINUTE)
    token = visitor.token("/confirm")
    db.execute(update(SignInSession).values(ended_at=START, end_reason="ended"))
    db.commit()
    response = visitor.client.post("/confirm", data={"csrf_token": token, "password": PASSWORD})
    assert response.location.startswith("/login")
    assert not is_in(visitor)


# The password.


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(ada, enter, visitors, mails, db):
    this, other = enter(), enter(IPHONE, remember="1")
    copies = [thief_with(visitors, cookie_of(each)) for each in (this, other)]
    response = this.submit("/account/password", password=NEW)
    assert (response.status_code, response.location) == (303, "/account")
    assert "Your password is changed." in this.follow(response).text
    assert is_in(this)
    assert not any(is_in(each) for each in (other, *copies))
    assert visitors().sign_in(ADA).status_code == 401
    assert visitors().sign_in(ADA, NEW).status_code == 303
    assert any("password was changed" in each["Subject"] for each in mails.to(ADA))
    [entry] = events(db, "password:changed")
    assert entry.details == {"method": "account"}


def test_the_page_says_when_the_password_was_changed(ada, enter, clock):
    visitor = enter()
    assert "Last changed" not in visitor.get("/account").text
    visitor.submit("/account/password", password=NEW)
    clock.shift(3 * MINUTE)
    words = " ".join(visitor.page(visitor.get("/account")).text.split())
    assert "Last changed 3 minutes ago" in words


def test_a_link_that_was_mailed_before_is_dead(ada, enter, mails, visitors):
    visitors().submit("/forgot-password", email=ADA)
    link, code = mails.link(ADA), mails.code(ADA)
    assert enter().submit("/account/password", password=NEW).status_code == 303
    assert visitors().get(link).status_code == 410
    other = visitors().submit("/reset-password", email=ADA, code=code, password="nine blue kettles")
    assert other.status_code == 400


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "Enter a password"),
        ("short", "needs 8 characters"),
        ("password1", "lists of common ones"),
        ("lovelace 1", "little more than your name"),
        (PASSWORD, "used this password before"),
        ("with a \0 in it", "broken character"),
    ],
)
def test_a_password_that_is_not_taken_is_said_so_and_changes_nothing(
    ada, enter, visitors, password, words
):
    visitor, other = enter(), enter()
    response = visitor.submit("/account/password", password=password)
    assert response.status_code == 422
    assert words in visitor.page(response).select_one(".error-summary").text
    assert is_in(other)
    assert visitors().sign_in(ADA).status_code == 303


def test_who_has_a_role_needs_more_characters(people):
    admin = people.admin()
    assert "At least 12 characters" in admin.get("/account/password").text
    response = admin.submit("/account/password", password="kettle 77 x")
    assert response.status_code == 422
    assert "needs 12 characters" in response.text


def test_a_password_is_not_changed_without_a_fresh_proof(ada, enter, clock, visitors):
    visitor = enter()
    token = visitor.token("/account/password")
    clock.shift(11 * MINUTE)
    response = visitor.client.post("/account/password", data={"csrf_token": token, "password": NEW})
    assert response.location == "/confirm?next=/account/password&again=1"
    assert visitors().sign_in(ADA).status_code == 303


# Places.


@pytest.fixture
def map_of_places(tmp_path, environment):
    """A database of one network in Utrecht and one country without a city."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True)
    city = {"city": {"names": {"en": "Utrecht"}}, "country": {"names": {"en": "Netherlands"}}}
    writer.insert_network(IPSet(["192.0.2.0/24"]), city)
    writer.insert_network(IPSet(["2001:db8::/32"]), {"country": {"names": {"en": "Kenya"}}})
    path = tmp_path / "places.mmdb"
    writer.to_db_file(str(path))
    environment["GEOIP_DATABASE"] = str(path)
    return Path(path)


def test_with_a_database_of_places_the_rough_place_is_said(map_of_places, ada, enter):
    enter(ip="192.0.2.7")
    enter(ip="2001:db8::7")
    enter(ip="203.0.113.9")
    page = enter().get("/account").text
    for words in ("From Utrecht, Netherlands", "From Kenya", "From 203.0.113.9", "From a local"):
        assert words in page

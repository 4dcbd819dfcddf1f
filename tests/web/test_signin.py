"""Signing in and out through the page."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from app.core.audit import NOWHERE
from app.core.proof import guesses
from app.edge import identity
from app.models.access import Code, SignInSession
from app.models.people import User
from app.models.records import AuditEntry, OutgoingMessage

ADA = "ada@learn.agency.example"


def test_the_right_password_leads_to_the_programs(visitor, people):
    people.account(ADA)
    response = visitor.sign_in(ADA)
    assert (response.status_code, response.location) == (303, "/program_select")
    assert visitor.get("/program_select").status_code == 200


def test_an_address_is_the_same_in_any_case_and_with_blanks(visitor, people):
    people.account(ADA)
    assert visitor.sign_in("  ADA@Learn.Agency.Example ").status_code == 303


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"status": "Inactive"},
        {"password": None},
        {"password_hash": "something unreadable", "password": None},
        {"from_roster": True},
    ],
)
def test_every_refusal_looks_like_that_of_an_unknown_address(visitors, people, state):
    people.account(ADA, **state)
    answers = []
    for email, password in [(ADA, "a wrong password"), ("nobody@x.example", "a wrong password")]:
        response = visitors().sign_in(email, password)
        text = response.text.replace(email, "")
        answers.append(
            (response.status_code, _without_tokens(text), sorted(response.headers.keys()))
        )
    assert answers[0] == answers[1]
    assert answers[0][0] == 401
    assert "Invalid email or password" in answers[0][1]


@pytest.mark.parametrize("state", [{"status": "Inactive"}, {"from_roster": True}])
def test_the_right_password_of_somebody_shut_out_looks_wrong_too(visitor, people, state):
    people.account(ADA, **state)
    right = visitor.sign_in(ADA)
    wrong = visitor.sign_in(ADA, "a wrong password")
    assert right.status_code == wrong.status_code == 401
    assert _without_tokens(right.text) == _without_tokens(wrong.text)


def test_a_refused_password_is_not_in_the_page_but_the_address_is(visitor):
    page = visitor.sign_in(ADA, "my secret words").text
    assert ADA in page
    assert "my secret words" not in page


def test_empty_fields_are_named_in_a_summary_with_links(visitor):
    response = visitor.submit("/login", email="", password="")
    page = visitor.page(response)
    assert response.status_code == 422
    assert page.title.text.startswith("Error: ")
    links = [link["href"] for link in page.select(".error-summary a")]
    assert links == ["#login-email", "#current-password"]


def test_remember_me_makes_a_cookie_that_lasts(visitors, people):
    people.account(ADA)
    lasting, passing = (
        next(
            each
            for each in visitors().sign_in(ADA, **fields).headers.getlist("Set-Cookie")
            if each.startswith("rollcall=")
        )
        for fields in ({"remember": "1"}, {})
    )
    assert "Expires=" in lasting
    assert "Expires=" not in passing


@pytest.mark.parametrize("target", ["/chat/BCC", "/program_select?q=a+b", "/admin/roster"])
def test_next_leads_back_to_a_page_of_ours(visitor, people, target):
    people.account(ADA)
    response = visitor.sign_in(ADA, next=target)
    assert response.location == target


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "https:evil.example",
        "/\t/evil.example",
        "/%0d%0aLocation:x",
        "javascript:alert(1)",
        "/no-such-page",
        "",
    ],
)
def test_case_24_next_never_leads_elsewhere(visitor, people, target):
    people.account(ADA)
    assert visitor.sign_in(ADA, next=target).location == "/program_select"


def test_signing_in_changes_the_cookie_and_ends_what_it_was(visitor, people, db):
    people.account(ADA)
    visitor.sign_in(ADA)
    first = visitor.client.get_cookie("rollcall").value
    visitor.client.post("/login", data={
        "csrf_token": visitor.token("/program_select"), "email": ADA,
        "password": "three green kettles",
    })  # fmt: skip
    assert visitor.client.get_cookie("rollcall").value != first
    reasons = db.scalars(select(SignInSession.end_reason).order_by(SignInSession.id)).all()
    assert reasons == ["replaced", None]


def test_case_25_sign_out_needs_a_press_and_makes_a_saved_cookie_worthless(visitors, people):
    visitor = people.signed_in(ADA)
    saved = visitor.client.get_cookie("rollcall").value
    assert visitor.get("/logout").status_code == 200
    assert visitor.get("/program_select").status_code == 200
    response = visitor.submit("/logout")
    assert (response.status_code, response.location) == (303, "/login")
    thief = visitors()
    thief.client.set_cookie("rollcall", saved)
    assert thief.get("/program_select").status_code == 302


def test_a_second_sign_out_is_no_error(visitor):
    assert visitor.submit("/login", to="/logout").status_code == 303


def test_each_sign_in_counts_one_visit(people, visitors, db):
    people.account(ADA, visit_count=None)
    for _ in range(3):
        visitors().sign_in(ADA)
    assert db.scalar(select(User.visit_count)) == 3


def test_no_row_is_written_for_a_guest(visitor, db):
    for path in ("/", "/login", "/register", "/register/password"):
        visitor.get(path)
    assert db.scalar(select(func.count()).select_from(SignInSession)) == 0


def test_too_many_tries_close_the_account_for_a_while_known_or_not(visitors, people):
    people.account(ADA)
    for email in (ADA, "nobody@x.example"):
        visitor = visitors()
        with time_machine.travel(datetime.now(UTC), tick=False) as clock:
            for _ in range(10):
                assert visitor.sign_in(email, "wrong words here").status_code == 401
                clock.shift(timedelta(seconds=32))
            last = visitor.sign_in(email)
        assert last.status_code == 429
        assert 1 <= int(last.headers["Retry-After"]) <= 900
        assert "Too many tries. Wait 10 minutes, or choose a new password by mail." in last.text


def test_a_refusal_is_remembered_with_its_reason_and_origin(visitor, people, db):
    people.account(ADA, status="Inactive")
    visitor.sign_in(ADA)
    entry = db.scalars(select(AuditEntry).where(AuditEntry.event == "sign_in:refused")).one()
    assert entry.details["why"] == "suspended"
    assert entry.ip == "127.0.0.1"
    assert len(entry.reference) == 9


def test_old_addresses_lead_to_the_page(visitor):
    assert visitor.get("/login_legacy").location == "/login"
    response = visitor.submit("/login", to="/login_legacy", last_name="x", email=ADA)
    assert (response.status_code, response.location) == (303, "/login")


def test_the_form_of_the_legacy_page_needs_no_token(visitor, people, mails, db):
    people.account(ADA)
    right = {"email": ADA, "password": "three green kettles"}
    for fields in ({"last_name": "Lovelace", "email": ADA}, right):
        response = visitor.client.post("/login_legacy", data=fields)
        assert (response.status_code, response.location) == (303, "/login")
    assert visitor.get("/program_select").status_code == 302
    assert visitor.client.post("/login", data={"email": ADA}).status_code == 400
    assert db.scalar(select(AuditEntry.id)) is None
    assert mails.count() == 0


@pytest.mark.parametrize("path", ["/program_select", "/admin", "/chat/BCC", "/set_program/BCC"])
def test_a_guest_is_led_to_sign_in_and_back(visitor, people, path):
    people.program()
    people.account(ADA)
    response = visitor.get(path)
    assert response.status_code in {302, 303}
    assert response.location.startswith("/login?next=")


def test_a_huge_password_is_refused_in_words(visitor, people):
    people.account(ADA)
    response = visitor.sign_in(ADA, "x" * 1_000_000)
    assert response.status_code == 413
    assert "larger than" in response.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestWithLimits:
    """Networks and addresses are limited here, as everywhere but in tests."""

    @pytest.fixture
    def environment(self, environment):
        """The settings' environment, with the limits on."""
        return environment | {"RATELIMIT_ENABLED": "true"}

    def test_an_answer_says_when_to_come_again_only_where_it_has_to(self, visitor):
        with time_machine.travel(datetime.now(UTC), tick=False):
            answers = [visitor.sign_in("nobody@x.example", "wrong words") for _ in range(6)]
        assert [each.status_code for each in answers] == [401] * 5 + [429]
        assert [each.headers.get("Retry-After") for each in answers] == [None] * 5 + ["2"]
        assert "Retry-After" not in visitor.get("/login").headers

    def test_a_network_that_knocks_too_often_is_told_when_its_minute_is_over(self, visitor):
        data = {"csrf_token": visitor.token(), "email": "", "password": ""}
        answers = [visitor.client.post("/login", data=data) for _ in range(61)]
        assert {each.status_code for each in answers[:60]} == {422}
        assert answers[60].status_code == 429
        assert 1 <= int(answers[60].headers["Retry-After"]) <= 61

    def test_an_address_that_is_tried_from_everywhere_is_not_used_up_for_its_owner(self, visitor):
        data = {"csrf_token": visitor.token(), "email": ADA, "password": ""}
        for number in range(121):
            origin = {"REMOTE_ADDR": f"203.0.113.{number}"}
            answer = visitor.client.post("/login", data=data, environ_base=origin)
            assert answer.status_code == 422

    def test_the_neighbours_of_an_address_are_limited_together(self, visitor):
        data = {"csrf_token": visitor.token(), "email": "", "password": ""}
        statuses = []
        for number in range(610):
            origin = {"REMOTE_ADDR": f"203.0.113.{number // 50}"}
            answer = visitor.client.post("/login", data=data, environ_base=origin)
            statuses.append(answer.status_code)
        assert statuses == [422] * 600 + [429] * 10
        elsewhere = {"REMOTE_ADDR": "203.0.112.1"}
        assert visitor.client.post("/login", data=data, environ_base=elsewhere).status_code == 422

    @pytest.mark.parametrize(
        ("address", "own", "around"),
        [
            ("203.0.113.7", "203.0.113.7/32", "203.0.113.0/24"),
            ("2001:db8:7:8:9::1", "2001:db8:7:8::/64", "2001:db8:7::/48"),
            ("", "unknown", "unknown"),
        ],
    )
    def test_what_counts_as_one_address_and_as_its_network(self, app, address, own, around):
        with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
            assert (identity.network(), identity.neighbourhood()) == (own, around)


# Case 21: every door answers alike, whatever is true.


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PBKDF2 = "pbkdf2:sha256:1000$saltsaltsaltsalt$" + "0" * 64
ACCOUNTS = {
    "registered": {},
    "legacy hash": {"password": None, "password_hash": PBKDF2},
    "no password": {"password": None},
    "empty hash": {"password": None, "password_hash": ""},
    "unreadable hash": {"password": None, "password_hash": "md5:what"},
    "suspended": {"status": "Inactive"},
    "suspended, no password": {"status": "Inactive", "password": None},
    "expired": {"expiry_date": LONG_AGO},
    "off list": {"from_roster": True},
    "shared": {"address": None, "shared_address": "shared@x.example"},
    "paused": {},
}


@pytest.fixture
def everybody(people, db):
    """An address in each state that it can have, by the name of the state."""
    emails = {name: f"p{number}@x.example" for number, name in enumerate(ACCOUNTS)}
    emails["shared"] = "Shared@x.example"
    for name, columns in ACCOUNTS.items():
        people.account(emails[name], **columns)
    people.account("SHARED@x.example", address=None, shared_address="shared@x.example")
    emails |= {"unknown": "nobody@x.example", "listed": "listed@x.example"}
    emails |= {"unknown, paused": "nobody2@x.example", "other spelling": "shareD@x.example"}
    people.listed("Lovelace", emails["listed"], "A1")
    for name in ("paused", "unknown, paused"):
        use_up_tries(db, emails[name])
    # Pages count down to when a mail can be sent again.
    with time_machine.travel(datetime.now(UTC), tick=False):
        yield emails


def use_up_tries(db, address):
    """Bring an address to its pause, which goes on for some minutes."""
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=6), tick=False) as clock:
        for _ in range(guesses.LIMIT.tries):
            guesses.count(db, address, NOWHERE, known=False)
            clock.shift(timedelta(seconds=32))


def answer_to(visitor, path, email, **fields):
    """All that somebody can see of an answer, the page that it leads to included."""
    first = visitor.submit(path, email=email, **fields)
    last = visitor.follow(first)
    seen = []
    for response in (first, last):
        names = sorted({name for name, _value in response.headers} - {"Content-Length"})
        cookies = sorted(each.split("=")[0] for each in response.headers.getlist("Set-Cookie"))
        text = _without_tokens(response.text.replace(email, ""))
        seen.append((response.status_code, response.location, names, cookies, text))
    return seen


def rows(db):
    """How many codes, messages and audit entries there are."""
    db.rollback()
    tables = (Code, OutgoingMessage, AuditEntry)
    return [db.scalar(select(func.count()).select_from(table)) for table in tables]


ASKING = ["/register", "/forgot-password", "/first-time-password", "/login/code"]
TYPING = ["/register/password", "/reset-password", "/setup-password", "/lift-pause"]


@pytest.mark.parametrize("path", ASKING)
@pytest.mark.parametrize("last_name", ["Lovelace", "Somebody Else"])
def test_case_21_who_asks_for_a_mail_is_answered_alike(visitors, everybody, db, path, last_name):
    answers, written = {}, {}
    for state, email in everybody.items():
        before = rows(db)
        answers[state] = answer_to(visitors(), path, email, last_name=last_name)
        written[state] = [new - old for new, old in zip(rows(db), before, strict=True)]
    assert {state: each for state, each in answers.items() if each != answers["unknown"]} == {}
    assert answers["unknown"][0][0] == 303
    assert {state: each for state, each in written.items() if each != [1, 1, 1]} == {}


@pytest.mark.parametrize("path", TYPING)
def test_case_21_who_types_a_code_is_answered_alike(visitors, everybody, db, path):
    answers, written = {}, {}
    for state, email in everybody.items():
        before = rows(db)
        fields = {"code": "000000", "password": "seven amber lanterns"}
        answers[state] = answer_to(visitors(), path, email, **fields)
        written[state] = [new - old for new, old in zip(rows(db), before, strict=True)]
    assert {state: each for state, each in answers.items() if each != answers["unknown"]} == {}
    assert answers["unknown"][0][0] == 400
    assert {state: each for state, each in written.items() if each != written["unknown"]} == {}


def test_case_21_who_signs_in_wrongly_is_answered_alike(visitors, everybody, db):
    answers, written = {}, {}
    for state, email in everybody.items():
        before = rows(db)
        answers[state] = answer_to(visitors(), "/login", email, password="a wrong password")
        written[state] = [new - old for new, old in zip(rows(db), before, strict=True)]
    paused = {state for state, each in answers.items() if each[0][0] == 429}
    assert paused == {"paused", "unknown, paused"}
    assert answers["paused"] == answers["unknown, paused"]
    others = {state: each for state, each in answers.items() if state not in paused}
    assert {state: each for state, each in others.items() if each != answers["unknown"]} == {}
    assert answers["unknown"][0][0] == 401
    assert {each[2] for each in written.values()} == {1}


@pytest.mark.parametrize("state", ["suspended", "expired", "off list", "paused"])
def test_case_21_the_right_password_of_who_may_not_enter_is_answered_as_a_wrong_one(
    visitors, everybody, state
):
    email = everybody[state]
    right, wrong = (
        answer_to(visitors(), "/login", email, password=password)
        for password in ("three green kettles", "a wrong password")
    )
    assert right == wrong


def _without_tokens(text):
    return re.sub(r'(content|value)="[^"]{40,}"', "", text)

"""Signing in by a mailed code: asking, typing, the button of the mail, and who must not."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import redis
import time_machine
from sqlalchemy import func, select, update

from app.core import backlog
from app.core.audit import NOWHERE
from app.core.desk import invitations
from app.core.desk.awaited import Scope
from app.core.entry import by_code
from app.core.proof import codes, redis_shelf, shelves
from app.edge.ours import code_door, terms
from app.models.access import Code, Purpose, SignInSession, TryCount
from app.models.people import RoleGrant, User
from app.models.records import AuditEntry, JobState, OutgoingMessage
from tests.moments import TURNS, fitting, seconds
from tests.servers import free_port

ADA = "ada@learn.agency.example"
QUARTER = timedelta(minutes=15)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def ask(visitor, email=ADA, **fields):
    """Press "Email me a code" on the sign-in page."""
    return visitor.submit("/login", "/login/code", email=email, **fields)


def enter(visitor, code):
    return visitor.submit("/login/code/enter", code=code)


def other_than(code):
    return f"{(int(code) + 1) % 10**6:06d}"


def is_in(visitor):
    return visitor.get("/program_select").status_code == 200


def kinds(db):
    db.rollback()
    return list(db.scalars(select(OutgoingMessage.kind).order_by(OutgoingMessage.id)))


@pytest.fixture
def ada(people):
    """Somebody with an account and a password."""
    return people.account(ADA)


# The journey.


def test_a_code_signs_in_without_the_password(visitor, people, ada, mails, db):
    page = visitor.page(visitor.get("/login"))
    buttons = page.select("main form button[type=submit]")
    assert [each.get_text() for each in buttons] == [
        "Sign in",
        "Email me a code",
        "WhatsApp me a code",
    ]
    assert buttons[1]["formaction"] == "/login/code"
    asked = ask(visitor, f" {ADA.upper()} ", password="is not looked at")
    assert (asked.status_code, asked.location) == (303, "/login/code/enter")
    shown = visitor.page(visitor.get(asked.location))
    assert f"If {ADA.upper()} can sign in here, a code is on its way." in shown.get_text()
    assert "It works for 15 minutes." in shown.get_text()
    field = shown.select_one("#code")
    assert (field["autocomplete"], field["inputmode"]) == ("one-time-code", "numeric")
    code = mails.code(ADA)
    done = enter(visitor, f" {code[:3]} {code[3:]} ")
    assert (done.status_code, done.location) == (303, "/program_select")
    assert is_in(visitor)
    assert "with a code by mail" in visitor.get("/account").text
    session = db.scalars(select(SignInSession)).one()
    assert (session.method, session.user_id, session.idle_seconds) == ("code", ada.id, 12 * 3600)
    entries = db.scalars(select(AuditEntry.event).order_by(AuditEntry.id)).all()
    assert entries == ["code:asked", "mail:sent", "sign_in:admitted"]
    db.refresh(ada)
    assert abs(datetime.now(UTC) - ada.verified_at) < timedelta(minutes=1)


def test_remember_me_and_the_page_that_was_wanted_are_carried_along(visitor, ada, mails, db):
    people_page = visitor.get("/login?next=/account")
    assert 'name="next" value="/account"' in people_page.text
    ask(visitor, remember="1", next="/account")
    done = enter(visitor, mails.code(ADA))
    assert done.location == "/account"
    assert "Expires=" in done.headers["Set-Cookie"]
    assert db.scalars(select(SignInSession.idle_seconds)).one() is None


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/", "/nowhere"])
def test_nobody_is_led_elsewhere(visitor, ada, mails, target):
    ask(visitor, next=target)
    assert enter(visitor, mails.code(ADA)).location == "/program_select"


def test_a_browser_that_was_never_here_is_told_of_by_mail_and_one_that_was_is_not(
    visitors, ada, mails, db
):
    here = visitors()
    for visitor in (here, here, visitors()):
        ask(visitor)
        enter(visitor, mails.code(ADA))
        visitor.submit("/logout", email="")
    assert kinds(db).count("new_device") == 2


def test_who_has_no_password_or_is_listed_only_comes_in_by_code(visitors, people, mails, db):
    people.account("none@x.example", password=None, ids=["X1"])
    people.listed("Hopper", "listed@x.example", "A1", "A2")
    for email in ("none@x.example", "listed@x.example"):
        visitor = visitors()
        ask(visitor, email)
        page = visitor.follow(enter(visitor, mails.code(email)))
        assert (page.status_code, "You are signed in." in page.text) == (200, True)
    assert "Welcome, Hopper." in page.text
    opened = db.scalars(select(User).where(User.address == "listed@x.example")).one()
    assert (opened.password_hash, opened.from_roster, opened.last_name) == (None, True, "Hopper")


def test_an_admin_by_code_comes_to_where_admins_come(environment_of_roles, visitor, people, mails):
    people.admin()
    ask(visitor, "grace@agency.example")
    assert enter(visitor, mails.code("grace@agency.example")).location == "/admin"


# The code and the browser that asked.


def test_a_code_fits_in_the_browser_that_asked_alone(visitors, ada, mails):
    one, other = visitors(), visitors()
    ask(one)
    code = mails.code(ADA)
    assert other.get("/login/code/enter").location == "/login/code"
    assert other.submit("/login", "/login/code/enter", code=code).location == "/login/code"
    ask(other)
    refused = enter(other, code)
    assert (refused.status_code, "This code does not fit" in refused.text) == (400, True)
    assert enter(one, code).status_code == 303


def test_a_resend_leaves_the_earlier_code_valid_and_resets_no_count(visitor, ada, mails):
    ask(visitor)
    code = mails.code(ADA)
    page = visitor.page(visitor.get("/login/code/enter"))
    assert int(page.select_one("[data-countdown]")["data-countdown"]) in range(20, 31)
    for _ in range(codes.LIMIT.tries - 1):
        assert enter(visitor, other_than(code)).status_code == 400
    again = visitor.submit("/login/code/enter", "/login/code/resend")
    assert "A new mail is on its way" in visitor.follow(again).text
    assert mails.code(ADA) != code
    assert enter(visitor, code).status_code == 303


def test_five_wrong_codes_end_the_codes_but_not_the_button(visitor, ada, mails):
    ask(visitor)
    code, link = mails.code(ADA), mails.link(ADA)
    for _ in range(codes.LIMIT.tries):
        enter(visitor, other_than(code))
    closed = enter(visitor, code)
    assert (closed.status_code, int(closed.headers["Retry-After"]) > 0) == (429, True)
    assert "Use the button in our mail" in closed.text
    assert visitor.submit(link).location == "/program_select"


def test_a_code_that_ran_out_is_followed_by_a_new_one(visitor, ada, mails):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        ask(visitor)
        late = mails.code(ADA)
        clock.shift(QUARTER)
        said = enter(visitor, late)
        assert said.status_code == 400
        assert f"This code has run out. A new one is on its way to {ADA}." in said.text
        fresh = mails.code(ADA)
        assert fresh != late
        assert enter(visitor, fresh).status_code == 303


def test_a_long_way_back_is_left_out_for_a_cookie_that_every_browser_takes(visitor, ada, mails):
    asked = ask(visitor, next="/account?q=" + "x" * 1900)
    assert len(asked.headers["Set-Cookie"]) < 1500
    assert enter(visitor, mails.code(ADA)).location == "/program_select"


def test_what_cannot_be_an_address_or_a_code_is_said_beside_its_field(visitor, ada, mails):
    for email in ("", "ada at home"):
        said = ask(visitor, email)
        assert (said.status_code, "Enter an address like" in said.text) == (422, True)
        assert "<title>Error: " in said.text
    ask(visitor)
    for typed, words in (("1234", "this one has 4"), ("", "Enter the code from the mail")):
        said = enter(visitor, typed)
        assert (said.status_code, words in said.text) == (422, True)
    assert enter(visitor, mails.code(ADA)).status_code == 303


def test_asking_is_limited_for_somebody_and_for_nobody_alike(visitors, ada, db):
    for email in (ADA, "nobody@x.example"):
        visitor = visitors()
        statuses = [ask(visitor, email).status_code for _ in range(12)]
        assert statuses == [303] * 10 + [429] * 2
        resent = visitor.submit("/login/code/enter", "/login/code/resend")
        assert (resent.status_code, "Retry-After" in resent.headers) == (429, True)
    assert db.scalar(select(func.count()).select_from(OutgoingMessage)) == 20


# The button of the mail.


def test_the_button_signs_in_at_once_where_it_was_asked_for(visitor, ada, mails, db):
    ask(visitor, remember="1", next="/account")
    link = mails.link(ADA)
    page = visitor.get(link)
    assert "As a•••@learn.agency.example. You asked for this here." in page.text
    assert ADA not in page.text
    assert visitor.page(page).select_one("main form button").has_attr("autofocus")
    assert (page.headers["Referrer-Policy"], page.headers["X-Robots-Tag"]) == (
        "no-referrer",
        "noindex",
    )
    done = visitor.submit(link)
    assert (done.status_code, done.location) == (303, "/account")
    assert db.scalars(select(SignInSession.idle_seconds)).one() is None


def test_the_button_signs_in_elsewhere_too_and_is_remembered_nowhere(visitors, ada, mails, db):
    asking, phone = visitors(), visitors()
    ask(asking, remember="1", next="/account")
    link, code = mails.link(ADA), mails.code(ADA)
    page = phone.get(link)
    assert "Did you ask for the code on another device? Type it there instead." in page.text
    assert not phone.page(page).select_one("main form button").has_attr("autofocus")
    assert phone.submit(link).location == "/program_select"
    assert db.scalars(select(SignInSession.idle_seconds)).one() is not None
    assert enter(asking, code).status_code == 400


def test_looking_uses_nothing_up_and_a_press_uses_up_link_and_code(visitors, ada, mails):
    visitor = visitors()
    ask(visitor)
    link = mails.link(ADA)
    for _ in range(3):
        assert visitors().get(link).status_code == 200
        assert visitors().client.head(link).status_code == 200
    assert visitor.submit(link).status_code == 303
    again = visitor.get(link)
    assert (again.status_code, again.location) == (303, "/program_select")
    assert "You are signed in." in visitor.follow(again).text
    stranger = visitors().get(link)
    assert stranger.status_code == 410
    assert ADA not in stranger.text


def test_on_the_page_of_a_dead_link_stands_the_form_that_asks_anew(visitors, ada, mails):
    visitor, stranger = visitors(), visitors()
    ask(visitor, next="/account", remember="1")
    link = mails.link(ADA)
    visitors().submit(link)
    for who, knows in ((visitor, True), (stranger, False)):
        dead = who.get(link)
        form = who.page(dead).select_one("main form")
        assert (dead.status_code, form["action"]) == (410, "/login/code")
        typed = {each["name"]: each.get("value") for each in form.select("input")}
        assert typed["email"] == (ADA if knows else "")
        assert typed.get("next") == ("/account" if knows else None)
    fields = {"email": ADA, "next": "/account"}
    assert visitor.submit("/login", form["action"], **fields).location == "/login/code/enter"
    assert enter(visitor, mails.code(ADA)).location == "/account"


def test_a_link_is_dead_when_it_ran_out_or_the_account_moved_on(visitors, ada, mails, db):
    visitor = visitors()
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        ask(visitor)
        link = mails.link(ADA)
        clock.shift(QUARTER + timedelta(seconds=1))
        assert visitors().get(link).status_code == 410
    for token in ("forged", link.rpartition("/")[2].replace(".", "x", 1)):
        assert visitors().get(f"/login/link/{token}").status_code == 410
    ask(visitor)
    link, code = mails.link(ADA), mails.code(ADA)
    visitors().submit("/forgot-password", email=ADA)
    visitors().submit("/reset-password", email=ADA, code=mails.code(ADA), password="amber tram at")
    assert visitors().get(link).status_code == 410
    assert enter(visitor, code).status_code == 400


def test_who_was_shut_out_since_the_mail_went_is_told_nothing_and_kept_out(
    visitors, people, ada, mails, db
):
    people.listed("Hopper", "gone@x.example", "A1")
    asked = [(visitors(), ADA), (visitors(), "gone@x.example")]
    sent = []
    for visitor, email in asked:
        ask(visitor, email)
        sent.append((mails.code(email), mails.link(email)))
    db.execute(update(User).where(User.id == ada.id).values(status="Inactive"))
    people.listed("Hopper", "gone@x.example", "A1", active=False)
    from_list = "UPDATE roster_lines SET active = false"
    db.connection().exec_driver_sql(from_list)
    db.commit()
    for (visitor, _email), (code, link) in zip(asked, sent, strict=True):
        said = enter(visitor, code)
        assert (said.status_code, "This code does not fit" in said.text) == (400, True)
        assert visitors().submit(link, link).status_code == 410
        assert not is_in(visitor)


def test_the_code_of_a_program_has_no_button(visitors, ada, mails, app, db):
    with app.app_context():
        by_code.ask(db, ADA, code_door(Purpose.API), terms=terms(), origin=NOWHERE)
        db.commit()
    assert "/login/link" not in mails.text(ADA)
    assert re.search(r"^\d{6}$", mails.text(ADA), re.MULTILINE)


# Who may come by this door.


@pytest.fixture
def environment_of_roles(environment):
    environment["CODE_SIGN_IN_ROLES"] = "true"
    return environment


def test_who_has_a_role_is_mailed_why_a_password_is_needed(visitor, people, mails, db):
    people.admin()
    asked = ask(visitor, "grace@agency.example")
    assert (asked.status_code, asked.location) == (303, "/login/code/enter")
    text = mails.text("grace@agency.example")
    assert "what a role may do is kept behind a password" in text
    assert not re.search(r"^\d{6}$", text, re.MULTILINE)
    assert kinds(db) == ["new_device", "password_needed"]


def test_a_code_from_before_a_role_was_given_opens_nothing(visitor, visitors, people, ada, mails):
    ask(visitor)
    code, link = mails.code(ADA), mails.link(ADA)
    people.db.add(RoleGrant(user_id=ada.id, role_id=1, granted_at=datetime.now(UTC)))
    people.db.commit()
    assert enter(visitor, code).status_code == 400
    assert visitors().submit(link).status_code == 410


class TestClosed:
    @pytest.fixture
    def environment(self, environment):
        return environment | {"CODE_SIGN_IN": "false"}

    def test_the_door_is_not_there_at_any_of_its_addresses(self, visitor, ada, db):
        assert "Email me a code" not in visitor.get("/login").text
        for path in ("/login/code", "/login/code/enter", "/login/link/x"):
            assert visitor.get(path).status_code == 404
            assert visitor.submit("/login", path, email=ADA, code="123456").status_code == 404
        assert visitor.submit("/login", "/login/code/resend").status_code == 404
        assert db.scalar(select(func.count()).select_from(Code)) == 0


class TestOpenRegistration:
    @pytest.fixture
    def environment(self, environment):
        return environment | {"REGISTRATION": "both"}

    def test_anybody_with_a_mailbox_comes_in(self, visitor, mails, db):
        ask(visitor, "Stranger@x.example")
        assert enter(visitor, mails.code("stranger@x.example")).status_code == 303
        user = db.scalars(select(User)).one()
        assert (user.email, user.came_by, user.last_name) == ("Stranger@x.example", "code", "")
        assert "Welcome. You are signed in." in visitor.get("/program_select").text


# Everybody is answered alike.


STATES = {
    "registered": {},
    "no password": {"password": None},
    "suspended": {"status": "Inactive"},
    "expired": {"expiry_date": LONG_AGO},
    "off list": {"from_roster": True},
    "shared": {"address": None, "shared_address": "shared@x.example"},
    "role": {},
}


@pytest.fixture
def everybody(people, db):
    """An address in each state, by the name of the state."""
    emails = {name: f"p{number}@x.example" for number, name in enumerate(STATES)}
    emails["shared"] = "Shared@x.example"
    made = {name: people.account(emails[name], **columns) for name, columns in STATES.items()}
    people.account("SHARED@x.example", address=None, shared_address="shared@x.example")
    emails |= {"unknown": "nobody@x.example", "listed": "listed@x.example"}
    people.listed("Lovelace", emails["listed"], "A1")
    db.add(RoleGrant(user_id=made["role"].id, role_id=1, granted_at=datetime.now(UTC)))
    db.commit()
    with time_machine.travel(datetime.now(UTC), tick=False):
        yield emails


def seen(response, email):
    """All that can be seen of an answer, without tokens and what was typed."""
    headers = {
        name: "" if name == "X-Request-ID" else re.sub(r"=[^;]{20,};", "=;", value)
        for name, value in response.headers
        if name != "Content-Length"
    }
    text = re.sub(r'(content|value)="[^"]{40,}"', "", response.text.replace(email, ""))
    return response.status_code, sorted(headers.items()), text


def count_rows(db):
    db.rollback()
    tables = (Code, OutgoingMessage, TryCount, AuditEntry)
    return [db.scalar(select(func.count()).select_from(table)) for table in tables]


def test_every_step_looks_alike_and_writes_as_much_for_everybody(visitors, everybody, db):
    answers, written = {}, {}
    for state, email in everybody.items():
        visitor, before = visitors(), count_rows(db)
        steps = [ask(visitor, email), visitor.get("/login/code/enter"), enter(visitor, "000000")]
        steps.append(visitor.submit("/login/code/enter", "/login/code/resend"))
        steps += [enter(visitor, "000000") for _ in range(codes.LIMIT.tries)]
        answers[state] = [seen(each, email) for each in steps]
        # Counts are of the mailbox, and refusals of a flood are a number in the log.
        written[state] = [new - old for new, old in zip(count_rows(db), before, strict=True)][:2]
    assert [step[0] for step in answers["unknown"]] == [303, 200, 400, 303, *[400] * 4, 429]
    assert {state for state, each in answers.items() if each != answers["unknown"]} == set()
    assert {state for state, each in written.items() if each != written["unknown"]} == set()


def test_every_step_answers_at_a_fixed_time(visitors, people, app, monkeypatch):
    for turn in range(TURNS):
        people.account(f"ada{turn}@x.example")
    monkeypatch.setattr(app.extensions["rollcall"].settings, "ANSWER_TIME", 0.15)
    paths = ("/login/code", "/login/code/enter", "/login/code/resend", "/login/link/dead")

    def are_moments(took):
        # It comes at a multiple of the span, however busy the machine is.
        return all(each >= 0.15 and each % 0.15 < 0.1 for each in took.values())

    for name in ("ada", "nobody"):

        def measure(turn, name=name):
            visitor, email = visitors(), f"{name}{turn}@x.example"
            data = {"csrf_token": visitor.token(), "email": email, "code": "000000"}
            return {path: seconds(partial(visitor.client.post, path, data=data)) for path in paths}

        took = fitting(measure, are_moments)
        assert are_moments(took), (name, took)


# Redis.


class TestWithRedis:
    @pytest.fixture
    def environment(self, environment, redis_server):
        yield environment | {"REDIS_URL": redis_server.url}
        with redis.Redis.from_url(redis_server.url) as connection:
            connection.flushall()

    def test_codes_and_links_of_every_kind_work_and_none_is_in_the_database(
        self, visitors, people, ada, mails, db
    ):
        people.listed("Hopper", "listed@x.example", "A1")
        visitor = visitors()
        visitor.submit("/register", last_name="Hopper", email="listed@x.example")
        link = mails.link("listed@x.example")
        assert visitor.submit(link, password="seven amber lanterns").status_code == 303
        assert visitors().get(link).status_code == 410
        visitors().submit("/forgot-password", email=ADA)
        reset = {"email": ADA, "code": mails.code(ADA), "password": "seven amber lanterns"}
        assert visitors().submit("/reset-password", **reset).status_code == 303
        assert visitors().submit("/reset-password", **reset).status_code == 400
        for use in (lambda visitor: enter(visitor, mails.code(ADA)),
                    lambda visitor: visitor.submit(mails.link(ADA))):  # fmt: skip
            visitor = visitors()
            ask(visitor)
            link = mails.link(ADA)
            assert use(visitor).status_code == 303
            assert visitors().get(link).status_code == 410
        assert db.scalar(select(func.count()).select_from(Code)) == 0


class TestWithoutRedis:
    @pytest.fixture
    def away(self, app, ada, mails, visitor):
        """Ada's browser, which asked for a code before Redis went."""
        info = app.extensions["rollcall"].sessions.kw["info"]
        ask(visitor)
        mails.deliver()
        usual = info[shelves.ON]
        info[shelves.ON] = redis_shelf.at(f"redis://127.0.0.1:{free_port()}/0")
        yield visitor
        info[shelves.ON] = usual

    def test_codes_wait_for_everybody_and_nothing_is_sent_or_counted(
        self, away, visitors, people, db, mails
    ):
        people.account("none@x.example", password=None)
        before = count_rows(db)
        for path, to in (
            ("/login", "/login/code"),
            ("/register", None),
            ("/forgot-password", None),
        ):
            said = {}
            for email in (ADA, "none@x.example", "nobody@x.example"):
                visitor = visitors()
                answer = visitor.submit(path, to, email=email, last_name="Lovelace")
                assert (answer.status_code, int(answer.headers["Retry-After"]) <= 5) == (503, True)
                assert "Codes do not work for a moment" in answer.text
                said[email] = re.sub(r"[A-Z0-9]{4}-[A-Z0-9]{4}", "", seen(answer, email)[2])
            assert len(set(said.values())) == 1
        for _ in range(codes.LIMIT.tries + 1):
            said = enter(away, "123456")
            assert (said.status_code, "Codes do not work" in said.text) == (503, True)
        assert away.submit("/login/code/enter", "/login/code/resend").status_code == 503
        assert count_rows(db) == before

    def test_other_codes_wait_too_and_a_job_that_needs_them_is_done_later(
        self, away, app, visitors, people, db, mails, work
    ):
        for email in (ADA, "nobody@x.example"):
            for page in ("/reset-password", "/register/password", "/lift-pause"):
                said = visitors().submit(page, email=email, code="123456", password="amber tram at")
                assert (said.status_code, "Codes do not work" in said.text) == (503, True)
        db.rollback()
        assert {each.scope for each in db.scalars(select(TryCount))} & {"code:mail"} == set()
        people.listed("Hopper", "listed@x.example", "A1")
        job = invitations.start(db, Scope(), by=None, origin=NOWHERE)
        db.commit()
        work()
        db.expire_all()
        assert (backlog.get(db, job.id).state, "kept" in backlog.get(db, job.id).error) == (
            JobState.QUEUED,
            True,
        )

    def test_passwords_go_on_and_their_answers_tell_nothing(self, away, visitors, people):
        people.account("none@x.example", password=None)
        assert visitors().sign_in(ADA).status_code == 303
        answers = {
            email: seen(visitors().sign_in(email, "a wrong password"), email)
            for email in (ADA, "none@x.example", "nobody@x.example")
        }
        assert answers[ADA] == answers["none@x.example"] == answers["nobody@x.example"]
        assert answers[ADA][0] == 401

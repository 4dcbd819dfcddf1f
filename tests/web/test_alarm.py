"""What the door says after wrong passwords, and what the buttons of the alarming mails do."""

import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from app.core.proof import guesses, links
from app.core.proof.links import Link
from app.models.access import SignInSession
from app.models.people import User
from app.models.records import AuditEntry, OutgoingMessage
from tests.conftest import PASSWORD

ADA = "ada@learn.agency.example"
NOBODY = "bob@learn.agency.example"
NEW = "seven amber lanterns"
WRONG = "not her password"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = timedelta(seconds=32)
KEY = "a secret that stands in tests alone, 0123456789"


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
def pause(visitors, clock):
    """A stranger uses up the tries of an account."""

    def used_up(email=ADA):
        stranger = visitors()
        for _ in range(guesses.LIMIT.tries):
            assert stranger.sign_in(email, WRONG).status_code == 401
            clock.shift(STEP)
        return stranger

    return used_up


@pytest.fixture
def paused(ada, pause, mails):
    """The path of the button in the mail about a pause of Ada's account."""
    pause()
    return mails.link(ADA)


@pytest.fixture
def told(ada, visitors, mails):
    """The path of "this wasn't me" in the mail about a stranger's sign-in, and their browser."""
    stranger = visitors()
    assert stranger.sign_in(ADA).status_code == 303
    return mails.link(ADA), stranger


def plain(response, email):
    """What an answer says, without the address and the tokens in it."""
    text = re.sub(r'(content|value)="[^"]{40,}"', "", response.text).replace(email, "")
    headers = {
        name: value
        for name, value in response.headers.items()
        if name not in {"Set-Cookie", "X-Request-ID", "Content-Length"}
    }
    cookies = sorted(each.split("=")[0] for each in response.headers.getlist("Set-Cookie"))
    return response.status_code, text, headers, cookies


def is_in(visitor):
    return visitor.get("/program_select").status_code == 200


def press_without_a_page(visitor, path, **fields):
    return visitor.client.post(path, data={"csrf_token": visitor.token(), **fields})


def everything(db):
    db.rollback()
    tables = (User, SignInSession, AuditEntry, OutgoingMessage)
    return [[tuple(row) for row in db.execute(select(table.__table__))] for table in tables]


def count(db, event):
    db.rollback()
    return db.scalar(select(func.count()).where(AuditEntry.event == event))


# Waits and the pause, for everybody alike.


def test_waits_and_pause_look_alike_for_somebody_and_for_nobody(ada, visitors, clock, people):
    people.account("none@learn.agency.example", password=None)
    people.account("out@learn.agency.example", status="Inactive")
    seen = []
    for email in (ADA, NOBODY, "none@learn.agency.example", "out@learn.agency.example"):
        clock.move_to(START)
        visitor, answers = visitors(), []
        for step in [0] * 6 + [1.9, 0.1, 3.9, 0.1, 8, 16, 32, 32, 899 - 94.0, 1]:
            clock.shift(timedelta(seconds=step))
            answers.append(plain(visitor.sign_in(email, WRONG), email))
        seen.append(answers)
    assert [each[0] for each in seen[0]] == [401] * 5 + [
        429,
        429,
        401,
        429,
        *[401] * 4,
        429,
        429,
        401,
    ]
    assert [each[2].get("Retry-After") for each in seen[0]][5:9] == ["2", "1", None, "1"]
    assert seen[1:] == seen[:1] * 3


def test_the_page_of_a_pause_leads_to_the_mail_and_keeps_the_address(ada, pause):
    stranger = pause()
    response = stranger.sign_in(ADA)
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) == 900 - 320
    page = stranger.page(response)
    assert page.find("input", {"name": "email"})["value"] == ADA
    assert page.select_one("a[href='/forgot-password']")


def test_the_mail_about_a_pause_goes_once_and_to_the_owner_alone(ada, pause, visitors, mails, db):
    pause()
    pause(NOBODY)
    for email in (ADA, NOBODY):
        for _ in range(3):
            assert visitors().sign_in(email).status_code == 429
    rows = db.execute(select(OutgoingMessage.recipient, OutgoingMessage.state))
    mails.deliver()
    assert sorted(map(tuple, rows)) == [(ADA, "queued"), (NOBODY, "held")]
    assert len(mails.to(ADA)) == 1
    assert mails.to(NOBODY) == []


def test_no_spelling_keeps_the_mail_about_a_pause_back(ada, visitors, clock, mails):
    stranger = visitors()
    for email in [ADA.upper()] * 9 + [f"  {ADA} ", "ad\0a@learn.agency.example", ADA]:
        stranger.sign_in(email, WRONG)
        clock.shift(STEP)
    assert [str(each["Subject"]) for each in mails.to(ADA)] == ["Sign-in to Rollcall is paused"]


@pytest.mark.parametrize(
    "state", [{}, {"password": None}, {"password_hash": "what", "password": None}]
)
def test_an_address_with_nul_in_it_is_a_wrong_one_and_no_failure(visitor, people, mails, state):
    people.account(ADA, **state)
    response = visitor.sign_in("ad\0a@learn.agency.example")
    assert response.status_code == 401
    assert mails.to(ADA) == []


# Lifting the pause by its button.


def test_looking_at_the_button_lifts_nothing(paused, visitors, db):
    before = everything(db)
    for _ in range(5):
        scanner = visitors().client
        assert scanner.get(paused).status_code == 200
        assert scanner.head(paused).status_code == 200
        scanner.options(paused)
    assert everything(db) == before
    assert visitors().sign_in(ADA).status_code == 429
    page = visitors().get(paused)
    assert ADA in page.text
    assert "Mar 2, 2026, 09:15 UTC" in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_a_press_lifts_the_pause_once_and_opens_sign_in(paused, visitors, db):
    visitor = visitors()
    response = visitor.submit(paused)
    assert (response.status_code, response.location) == (303, "/login")
    assert "The pause is lifted." in visitor.follow(response).text
    assert press_without_a_page(visitors(), paused).status_code == 410
    dead = visitors().get(paused)
    assert dead.status_code == 410
    assert visitor.page(dead).select_one("main form button").text == "Send me a new one"
    assert visitor.page(dead).select_one("a[href='/forgot-password']")
    assert count(db, "sign_in:pause_lifted") == 1
    assert visitors().sign_in(ADA).status_code == 303
    assert visitor.sign_in(ADA).status_code == 303


def test_after_lifting_the_browser_is_known_whatever_a_stranger_does_next(
    paused, pause, visitors, clock
):
    owner = visitors()
    owner.submit(paused)
    pause()
    assert visitors().sign_in(ADA).status_code == 429
    assert owner.sign_in(ADA, WRONG).status_code == 401
    assert owner.sign_in(ADA).status_code == 303


def test_the_button_is_dead_when_the_pause_is_over_and_for_every_later_one(
    paused, pause, visitors, clock, mails
):
    clock.move_to(START + guesses.WINDOW)
    assert visitors().get(paused).status_code == 410
    assert press_without_a_page(visitors(), paused).status_code == 410
    pause()
    newer = mails.link(ADA)
    assert press_without_a_page(visitors(), paused).status_code == 410
    assert visitors().sign_in(ADA).status_code == 429
    assert visitors().submit(newer).status_code == 303
    assert visitors().sign_in(ADA).status_code == 303


def test_twenty_presses_of_the_pauses_button_at_once_have_one_winner(paused, visitors, db):
    presses = [visitors() for _ in range(20)]
    tokens = [visitor.token() for visitor in presses]
    statuses = []

    def press(visitor, token):
        statuses.append(visitor.client.post(paused, data={"csrf_token": token}).status_code)

    run([(press, each) for each in zip(presses, tokens, strict=True)])
    assert sorted(statuses) == [303] + [410] * 19
    assert count(db, "sign_in:pause_lifted") == 1


def run(calls):
    """Run these calls in a thread each."""
    threads = [threading.Thread(target=call, args=arguments) for call, arguments in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def forgeries(path, purpose, facts):
    """Paths that look like `path`, and lead nowhere."""
    start, token = path.rsplit("/", 1)
    others = [links.mint(each, facts, keys=[KEY]) for each in Link if each != purpose]
    others += [links.mint(purpose, facts, keys=["another key"])]
    payload, dated, signature = token.rsplit(".", 2)
    others += [token[:-2], token[2:], f"{payload}.{dated}", f"{payload}x.{dated}.{signature}", "x"]
    return [f"{start}/{each}" for each in others]


def test_a_forged_button_lifts_nothing(paused, visitors, db):
    facts = {"address": ADA, "mailbox": ADA, "ends_at": (START + guesses.WINDOW).isoformat()}
    for path in forgeries(paused, Link.UNPAUSE, facts):
        assert visitors().get(path).status_code == 410, path
        assert press_without_a_page(visitors(), path).status_code == 410, path
    assert count(db, "sign_in:pause_lifted") == 0
    token = paused.rsplit("/", 1)[1]
    for start in ("/not-me/", "/reset-password/", "/setup-password/", "/register/password/"):
        assert press_without_a_page(visitors(), start + token, password=NEW).status_code == 410
    assert visitors().sign_in(ADA).status_code == 429


# Lifting it by its code.


def test_the_code_lifts_the_pause_once_in_any_browser(paused, visitors, mails, db):
    visitor, code = visitors(), mails.code(ADA)
    response = visitor.submit("/lift-pause", email=f" {ADA.upper()}", code=f"{code[:3]} {code[3:]}")
    assert (response.status_code, response.location) == (303, "/login")
    again = visitors().submit("/lift-pause", email=ADA, code=code)
    assert again.status_code == 400
    assert "This code does not fit." in again.text
    assert count(db, "sign_in:pause_lifted") == 1
    assert visitor.sign_in(ADA).status_code == 303


def test_after_the_code_the_browser_is_known_too(paused, pause, visitors, mails):
    owner = visitors()
    owner.submit("/lift-pause", email=ADA, code=mails.code(ADA))
    pause()
    assert visitors().sign_in(ADA).status_code == 429
    assert owner.sign_in(ADA).status_code == 303


def test_wrong_codes_are_counted_for_somebody_and_nobody_alike(paused, visitors, mails, pause):
    pause(NOBODY)
    code = mails.code(ADA)
    wrong = [f"{(int(code) + by) % 10**6:06d}" for by in range(1, 6)]
    seen = []
    for email in (ADA, NOBODY, "a@x.example"):
        visitor = visitors()
        answers = [visitor.submit("/lift-pause", email=email, code=each) for each in [*wrong, code]]
        seen.append([plain(each, email)[:2] for each in answers])
        assert int(answers[-1].headers["Retry-After"]) > 0
    assert [each[0] for each in seen[0]] == [400] * 5 + [429]
    unnamed = [
        [(status, re.sub(r"\d\d:\d\d UTC", "", text)) for status, text in each] for each in seen
    ]
    assert unnamed[1:] == unnamed[:1] * 2
    assert visitors().sign_in(ADA).status_code == 429
    assert visitors().submit(paused).status_code == 303


@pytest.mark.parametrize(
    ("email", "code"), [("", "123456"), ("no address", "123456"), (ADA, ""), (ADA, "12345")]
)
def test_what_cannot_be_a_code_is_said_and_not_counted(paused, visitors, mails, email, code):
    for _ in range(6):
        assert visitors().submit("/lift-pause", email=email, code=code).status_code == 422
    assert visitors().submit("/lift-pause", email=ADA, code=mails.code(ADA)).status_code == 303


def test_the_pause_is_over_after_a_new_password_by_mail(paused, visitors, mails):
    visitor = visitors()
    visitor.submit("/forgot-password", email=ADA)
    assert visitor.submit(mails.link(ADA), password=NEW).status_code == 303
    assert visitors().sign_in(ADA, NEW).status_code == 303
    assert visitors().get(paused).status_code == 410


# A new device.


def subjects(mails):
    return [str(each["Subject"]) for each in mails.to(ADA)]


def test_a_new_browser_is_told_of_once_and_one_that_came_by_mail_is_not(visitors, people, mails):
    people.listed("Lovelace", ADA, "A1")
    owner, other = visitors(), visitors()
    other.client.environ_base["HTTP_USER_AGENT"] = "curl/8.5.0"
    owner.submit("/register", last_name="Lovelace", email=ADA)
    assert owner.submit(mails.link(ADA), password=PASSWORD).status_code == 303
    before = len(mails.to(ADA))
    assert not any("New sign-in" in each for each in subjects(mails))
    owner.submit("/logout")
    assert owner.sign_in(ADA).status_code == 303
    assert len(mails.to(ADA)) == before
    for _ in range(2):
        assert other.sign_in(ADA).status_code == 303
        other.submit("/logout")
    assert subjects(mails)[before:] == ["New sign-in to Rollcall from curl"]


@pytest.mark.parametrize("agent", ["<b>x%s</b>/1.0 CFNetwork/1 Darwin/1", "%(x)s", "{{7*7}}", "\\"])
def test_no_user_agent_keeps_the_mail_back_or_writes_into_it(ada, visitor, mails, agent):
    visitor.client.environ_base["HTTP_USER_AGENT"] = agent
    visitor.sign_in(ADA)
    [mail] = mails.to(ADA)
    assert agent not in mail.as_string()
    assert mails.link(ADA).startswith("/not-me/")


# "This wasn't me".


def test_looking_at_this_was_not_me_ends_nothing(told, visitors, db):
    path, stranger = told
    before = everything(db)
    for _ in range(5):
        scanner = visitors().client
        page = scanner.get(path)
        assert page.status_code == 200
        assert scanner.head(path).status_code == 200
        scanner.options(path)
    assert everything(db) == before
    assert is_in(stranger)
    assert ADA in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_this_was_not_me_needs_its_token(told, visitors):
    path, stranger = told
    assert visitors().client.post(path).status_code == 400
    assert is_in(stranger)


def test_this_was_not_me_ends_all_and_leads_back_in_by_mail(told, visitors, mails, db):
    path, stranger = told
    owner_elsewhere, owner = visitors(), visitors()
    owner_elsewhere.sign_in(ADA)
    response = owner.submit(path)
    assert (response.status_code, response.location) == (303, "/reset-password")
    page = owner.follow(response)
    assert "Nobody gets in with the old password." in page.text
    assert owner.page(page).find("input", {"name": "email"})["value"] == ADA
    assert [is_in(each) for each in (stranger, owner_elsewhere)] == [False, False]
    reset = mails.link(ADA)
    assert reset.startswith("/reset-password/")
    assert stranger.sign_in(ADA).status_code == 401
    assert owner.submit(reset, password=NEW).status_code == 303
    assert is_in(owner)
    assert visitors().sign_in(ADA, NEW).status_code == 303
    assert stranger.sign_in(ADA).status_code == 401
    assert count(db, "account:intrusion_reported") == 1


def test_this_was_not_me_by_the_code_of_its_mail(told, visitors, mails):
    owner = visitors()
    owner.submit(told[0])
    fields = {"email": ADA, "code": mails.code(ADA), "password": NEW}
    assert owner.submit("/reset-password", **fields).status_code == 303


def test_a_second_press_finds_it_dead_with_a_way_on(told, visitors, db):
    path, _stranger = told
    assert visitors().submit(path).status_code == 303
    for response in (visitors().get(path), press_without_a_page(visitors(), path)):
        assert response.status_code == 410
        assert visitors().page(response).select_one("a[href='/forgot-password']")
    assert count(db, "account:intrusion_reported") == 1


def test_this_was_not_me_goes_on_working_when_the_stranger_changes_the_password(told, visitors):
    path, stranger = told
    assert stranger.submit("/account/password", password=NEW).status_code == 303
    assert visitors().submit(path).status_code == 303
    assert not is_in(stranger)
    assert visitors().sign_in(ADA, NEW).status_code == 401


def test_this_was_not_me_is_dead_after_a_new_password_by_mail(told, visitors, mails):
    path, _stranger = told
    owner = visitors()
    owner.submit("/forgot-password", email=ADA)
    assert owner.submit(mails.link(ADA), password=NEW).status_code == 303
    assert visitors().get(path).status_code == 410
    assert press_without_a_page(visitors(), path).status_code == 410
    assert is_in(owner)


def test_twenty_presses_of_this_was_not_me_at_once_have_one_winner(told, visitors, mails, db):
    path, _stranger = told
    presses = [visitors() for _ in range(20)]
    tokens = [visitor.token() for visitor in presses]
    statuses = []

    def press(visitor, token):
        statuses.append(visitor.client.post(path, data={"csrf_token": token}).status_code)

    run([(press, each) for each in zip(presses, tokens, strict=True)])
    assert sorted(statuses) == [303] + [410] * 19
    assert count(db, "account:intrusion_reported") == 1
    assert subjects(mails)[1:] == ["Choose a new Rollcall password"]


def test_a_forged_this_was_not_me_ends_nothing(told, visitors, db):
    path, stranger = told
    facts = links.read(Link.NOT_ME, path.rsplit("/", 1)[1], lifetime=STEP * 99, keys=[KEY])
    paths = forgeries(path, Link.NOT_ME, facts)
    paths.append("/not-me/" + links.mint(Link.NOT_ME, facts | {"stamp": "x" * 22}, keys=[KEY]))
    for each in paths:
        assert visitors().get(each).status_code == 410, each
        assert press_without_a_page(visitors(), each).status_code == 410, each
    assert is_in(stranger)
    token = path.rsplit("/", 1)[1]
    for start in ("/lift-pause/", "/reset-password/", "/setup-password/", "/register/password/"):
        assert press_without_a_page(visitors(), start + token, password=NEW).status_code == 410
    assert visitors().sign_in(ADA).status_code == 303


def test_the_strangers_browser_is_told_of_again_after_this_was_not_me(told, visitors, mails):
    path, stranger = told
    stranger.submit("/logout")
    owner = visitors()
    owner.submit(path)
    assert owner.submit(mails.link(ADA), password=PASSWORD + "!").status_code == 303
    before = len(mails.to(ADA))
    assert owner.sign_in(ADA, PASSWORD + "!").status_code == 303
    assert len(mails.to(ADA)) == before
    assert stranger.sign_in(ADA, PASSWORD + "!").status_code == 303
    assert len(mails.to(ADA)) == before + 1

"""A new password, or a first one, through the pages."""

import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select, update

from app.models.access import Code, FormerPassword, SignInSession
from app.models.people import User
from app.models.records import AuditEntry, OutgoingMessage

ADA = "ada@learn.agency.example"
NEW = "seven amber lanterns"


def links(mails, address=ADA):
    return mails.link(address)


def test_forgot_leads_by_the_link_to_a_new_password_and_in(visitors, people, mails):
    people.account(ADA)
    visitor = visitors()
    response = visitor.submit("/forgot-password", email=ADA)
    assert (response.status_code, response.location) == (303, "/reset-password")
    link = mails.link(ADA)
    assert link.startswith("/reset-password/")
    assert visitor.get(link).status_code == 200
    done = visitor.submit(link, password=NEW)
    assert (done.status_code, done.location) == (303, "/program_select")
    assert visitors().sign_in(ADA, NEW).status_code == 303
    assert visitors().sign_in(ADA).status_code == 401


def test_forgot_leads_by_the_code_to_a_new_password(visitors, people, mails):
    people.account(ADA)
    visitor = visitors()
    visitor.submit("/forgot-password", email=ADA)
    code = mails.code(ADA)
    assert visitor.submit("/reset-password", email=ADA, code=code, password=NEW).status_code == 303
    assert visitors().sign_in(ADA, NEW).status_code == 303


def is_remembered(db, answer):
    db.rollback()
    newest = db.scalars(select(SignInSession).order_by(SignInSession.id.desc())).first()
    cookies = answer.headers.getlist("Set-Cookie")
    kept = any("Expires" in each for each in cookies if each.startswith("rollcall="))
    assert kept is (newest.idle_seconds is None)
    return kept


@pytest.mark.parametrize("wish", [{}, {"remember": "1"}])
def test_who_asks_for_it_is_remembered_with_the_new_password(visitors, people, mails, db, wish):
    people.account(ADA)
    people.listed("Hopper", "grace@learn.agency.example")
    visitors().submit("/forgot-password", email=ADA)
    by_link = visitors().submit(mails.link(ADA), password=NEW, **wish)
    assert is_remembered(db, by_link) is bool(wish)
    visitors().submit("/forgot-password", email=ADA)
    typed = {"email": ADA, "code": mails.code(ADA), "password": "eight amber lanterns"}
    assert is_remembered(db, visitors().submit("/reset-password", **typed, **wish)) is bool(wish)
    visitor = visitors()
    visitor.submit("/register", last_name="Hopper", email="grace@learn.agency.example")
    typed = {"email": "grace@learn.agency.example", "password": NEW}
    typed["code"] = mails.code(typed["email"])
    assert is_remembered(db, visitor.submit("/register/password", **typed, **wish)) is bool(wish)


def test_a_code_works_in_another_browser_without_the_first_step(visitors, people, mails):
    people.account(ADA)
    visitors().submit("/forgot-password", email=ADA)
    code = mails.code(ADA)
    other = visitors()
    assert other.submit("/reset-password", email=ADA, code=code, password=NEW).status_code == 303


def test_first_time_leads_to_a_first_password(visitors, people, mails, db):
    people.account(ADA, password=None)
    visitor = visitors()
    response = visitor.submit("/first-time-password", last_name="LOVELACE", email=ADA)
    assert (response.status_code, response.location) == (303, "/setup-password")
    link = mails.link(ADA)
    assert link.startswith("/setup-password/")
    assert "Lovelace" in visitor.get(link).text
    assert visitor.submit(link, password=NEW).status_code == 303
    assert db.scalar(select(User.verified_at)) is not None
    assert visitors().get(link).status_code == 410


@pytest.mark.parametrize("path", ["/forgot-password", "/first-time-password"])
def test_the_answer_is_the_same_for_everybody(visitors, people, mails, db, path):
    people.account("has@x.example")
    people.account("none@x.example", password=None)
    people.account("odd@x.example", password=None, password_hash="")
    people.account("out@x.example", status="Inactive")
    people.listed("Lovelace", "listed@x.example", "A1")
    answers, rows = [], []
    for email in ("has", "none", "odd", "out", "listed", "nobody"):
        address = f"{email}@x.example"
        before = _rows(db)
        visitor = visitors()
        response = visitor.submit(path, last_name="Lovelace", email=address)
        page = visitor.follow(response).text.replace(address, "")
        page = re.sub(r'(content|value)="[^"]{40,}"', "", page)
        answers.append((response.status_code, response.location, page))
        rows.append([new - old for new, old in zip(_rows(db), before, strict=True)])
    assert all(each == answers[0] for each in answers)
    assert all(each == [1, 1, 1] for each in rows), rows


def test_the_mail_says_the_truth(visitors, people, mails):
    people.account("has@x.example")
    people.account("none@x.example", password=None)
    people.listed("Byron", "listed@x.example", "A1")
    subjects = {}
    for email in ("has", "none", "listed", "nobody"):
        visitors().submit("/forgot-password", email=f"{email}@x.example")
        subjects[email] = str(mails.to(f"{email}@x.example")[-1]["Subject"])
    assert subjects["has"] == "Choose a new Rollcall password"
    assert subjects["none"] == "Set your Rollcall password"
    assert "registration code" in subjects["listed"]
    assert subjects["nobody"] == "There is no Rollcall account for this address"


def test_another_name_at_first_time_is_said_in_the_mail_alone(visitors, people, mails):
    people.account(ADA, password=None)
    visitors().submit("/first-time-password", last_name="Wrong", email=ADA)
    assert "not the one on the list" in mails.text(ADA)


def test_signing_in_without_a_password_sends_the_set_up_mail(visitors, people, mails):
    people.account(ADA, password=None)
    assert visitors().sign_in(ADA).status_code == 401
    assert str(mails.to(ADA)[-1]["Subject"]) == "Set your Rollcall password"


def test_an_unreadable_hash_is_no_crash_and_sends_the_set_up_mail(visitors, people, mails):
    people.account(ADA, password=None, password_hash="md5:what")
    assert visitors().sign_in(ADA).status_code == 401
    assert mails.link(ADA).startswith("/setup-password/")


def test_registering_an_account_without_a_password_sends_the_set_up_mail(visitors, people, mails):
    people.account(ADA, password=None)
    visitors().submit("/register", last_name="Lovelace", email=ADA)
    assert mails.link(ADA).startswith("/setup-password/")


def test_a_new_password_ends_every_other_session_and_tells_the_owner(visitors, people, mails, db):
    old = people.signed_in(ADA)
    visitor = visitors()
    visitor.submit("/forgot-password", email=ADA)
    visitor.submit(mails.link(ADA), password=NEW)
    assert old.get("/program_select").status_code == 302
    assert visitor.get("/program_select").status_code == 200
    reasons = db.scalars(select(SignInSession.end_reason).order_by(SignInSession.id)).all()
    assert reasons == ["password_changed", None]
    assert str(mails.to(ADA)[-1]["Subject"]) == "Your Rollcall password was changed"
    assert db.scalar(select(AuditEntry.id).where(AuditEntry.event == "password:changed"))


def test_a_used_reset_link_is_refused_with_a_way_to_a_new_one(visitors, people, mails):
    people.account(ADA)
    visitors().submit("/forgot-password", email=ADA)
    link = mails.link(ADA)
    assert visitors().submit(link, password=NEW).status_code == 303
    second = visitors().get(link)
    assert second.status_code == 410
    assert "Send me a new one" in second.text


def test_one_use_ends_every_link_and_code_of_the_same_state(visitors, people, mails):
    people.account(ADA)
    visitors().submit("/forgot-password", email=ADA)
    first_link, first_code = mails.link(ADA), mails.code(ADA)
    visitors().submit("/forgot-password", email=ADA)
    assert visitors().submit(mails.link(ADA), password=NEW).status_code == 303
    assert visitors().get(first_link).status_code == 410
    late = visitors().submit("/reset-password", email=ADA, code=first_code, password=NEW + "!")
    assert late.status_code == 400


def test_twenty_uses_at_once_have_one_winner(visitors, people, mails, db):
    people.account(ADA)
    visitors().submit("/forgot-password", email=ADA)
    link = mails.link(ADA)
    statuses = []

    def use(number):
        visitor = visitors()
        data = {"csrf_token": visitor.token(), "password": f"{NEW} {number}"}
        statuses.append(visitor.client.post(link, data=data).status_code)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(303) == 1
    # One account is not given more than so many choices at once.
    assert set(statuses) <= {303, 410, 429}
    live = select(func.count()).select_from(SignInSession).where(SignInSession.ended_at.is_(None))
    assert db.scalar(live) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"address": "new@x.example", "email": "new@x.example"},
        {"password_hash": "changed meanwhile"},
        {"verified_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"status": "Inactive"},
    ],
)
def test_a_link_dies_when_the_account_changes(visitors, people, mails, db, change):
    people.account(ADA)
    visitors().submit("/forgot-password", email=ADA)
    link = mails.link(ADA)
    db.execute(update(User).values(**change))
    db.commit()
    assert visitors().get(link).status_code == 410
    visitor = visitors()
    data = {"csrf_token": visitor.token(), "password": NEW}
    assert visitor.client.post(link, data=data).status_code == 410


def test_a_set_up_link_opens_no_page_of_another_purpose(visitors, people, mails):
    people.account(ADA, password=None)
    visitors().submit("/first-time-password", last_name="Lovelace", email=ADA)
    token = mails.link(ADA).rsplit("/", 1)[1]
    for path in ("/reset-password/", "/register/password/", "/setup/admin/"):
        assert visitors().get(path + token).status_code == 410


@pytest.mark.parametrize(("path", "hours"), [("/forgot-password", 1), ("/first-time-password", 24)])
def test_links_and_codes_last_as_long_as_they_say(visitors, people, mails, path, hours):
    people.account(ADA, password=None if hours == 24 else "three green kettles")
    visitors().submit(path, last_name="Lovelace", email=ADA)
    link = mails.link(ADA)
    start = datetime.now(UTC)
    with time_machine.travel(start + timedelta(hours=hours, seconds=-5)):
        assert visitors().get(link).status_code == 200
    with time_machine.travel(start + timedelta(hours=hours, seconds=5)):
        assert visitors().get(link).status_code == 410


def test_the_last_five_passwords_are_not_taken_again(visitors, people, mails, db):
    people.account(ADA, password="password number 0 of six")
    for number in range(1, 7):
        with time_machine.travel(datetime.now(UTC) + timedelta(hours=number)):
            visitors().submit("/forgot-password", email=ADA)
            link = mails.link(ADA)
            for former in range(max(0, number - 5), number):
                again = visitors().submit(link, password=f"password number {former} of six")
                assert again.status_code == 422
                assert "You used this password before" in again.text
            fresh = f"password number {number} of six"
            assert visitors().submit(link, password=fresh).status_code == 303
    assert db.scalar(select(func.count()).select_from(FormerPassword)) == 4


def test_a_refused_password_leaves_link_and_code_good(visitors, people, mails):
    people.account(ADA)
    visitors().submit("/forgot-password", email=ADA)
    link, code = mails.link(ADA), mails.code(ADA)
    for _ in range(6):
        assert (
            visitors().submit("/reset-password", email=ADA, code=code, password="short").status_code
            == 422
        )
    assert visitors().submit(link, password="short").status_code == 422
    assert visitors().submit(link, password=NEW).status_code == 303


def test_who_has_a_role_needs_a_longer_password_and_learns_it_late(visitors, people, mails):
    people.admin(ADA)
    visitor = visitors()
    visitor.submit("/forgot-password", email=ADA)
    wrong = visitor.submit("/reset-password", email=ADA, code="000000", password="amber tea")
    assert "12 characters" not in wrong.text
    right = visitor.submit(mails.link(ADA), password="amber tea")
    assert right.status_code == 422
    assert "needs 12 characters" in right.text


def test_a_suspended_person_is_mailed_the_truth_and_no_link(visitors, people, mails, db):
    people.account(ADA, status="Inactive")
    visitors().submit("/forgot-password", email=ADA)
    assert str(mails.to(ADA)[-1]["Subject"]) == "Your Rollcall account is closed for now"


def test_scanners_use_nothing_up(visitors, people, mails):
    people.account(ADA)
    visitors().submit("/forgot-password", email=ADA)
    link = mails.link(ADA)
    for _ in range(5):
        scanner = visitors().client
        assert scanner.get(link).status_code == 200
        assert scanner.head(link).status_code == 200
        scanner.options(link)
    assert visitors().submit(link, password=NEW).status_code == 303


# Case 23: a link works once, and dies when the password changes by other means.


def choose(visitors, path, password=NEW, **fields):
    """Press the button of a mail, or type its code; without looking at the page before."""
    visitor = visitors()
    data = {"csrf_token": visitor.token(), "password": password, **fields}
    return visitor.client.post(path, data=data)


def asked(visitors, mails, purpose):
    """The link and the code of a fresh mail about a reset or a first password."""
    page = "/forgot-password" if purpose == "reset" else "/first-time-password"
    visitors().submit(page, last_name="Lovelace", email=ADA)
    assert mails.link(ADA).startswith(f"/{purpose}-password/")
    return mails.link(ADA), mails.code(ADA)


@pytest.fixture(params=["reset", "setup"])
def purpose(request, people):
    """What a mail is about; Ada's account fits it."""
    people.account(ADA, password="three green kettles" if request.param == "reset" else None)
    return request.param


def test_case_23_a_link_works_once_and_ends_all_sessions(visitors, people, mails, db):
    sessions = [people.signed_in(ADA), visitors()]
    sessions[1].sign_in(ADA, remember="1")
    copy = visitors()
    copy.client.set_cookie("rollcall", sessions[1].client.get_cookie("rollcall").value)
    link, code = asked(visitors, mails, "reset")
    assert choose(visitors, link).status_code == 303
    for visitor in (*sessions, copy):
        assert visitor.get("/program_select").status_code == 302
    before = db.scalar(select(User.password_hash))
    for _ in range(2):
        assert choose(visitors, link, "nine red bicycles").status_code == 410
        late = choose(visitors, "/reset-password", "nine red bicycles", email=ADA, code=code)
        assert late.status_code == 400
    db.rollback()
    assert db.scalar(select(User.password_hash)) == before
    live = select(func.count()).select_from(SignInSession).where(SignInSession.ended_at.is_(None))
    assert db.scalar(live) == 1


@pytest.mark.parametrize("other", ["its code", "another link", "another code", "the account page"])
def test_case_23_a_reset_link_dies_when_the_password_changes_by_other_means(
    visitors, people, mails, other
):
    owner = people.signed_in(ADA)
    link, code = asked(visitors, mails, "reset")
    if other == "the account page":
        assert owner.submit("/account/password", password=NEW).status_code == 303
    elif other == "its code":
        assert choose(visitors, "/reset-password", email=ADA, code=code).status_code == 303
    else:
        newer, newer_code = asked(visitors, mails, "reset")
        if other == "another link":
            assert choose(visitors, newer).status_code == 303
        else:
            done = choose(visitors, "/reset-password", email=ADA, code=newer_code)
            assert done.status_code == 303
    dead = visitors().get(link)
    assert dead.status_code == 410
    assert visitors().page(dead).select_one("a[href='/forgot-password']")
    assert choose(visitors, link, "nine red bicycles").status_code == 410
    assert visitors().sign_in(ADA, NEW).status_code == 303


def test_case_23_a_reset_link_dies_with_this_was_not_me(visitors, people, mails):
    people.signed_in(ADA)
    alarm = mails.link(ADA)
    link, _code = asked(visitors, mails, "reset")
    assert visitors().submit(alarm).status_code == 303
    assert choose(visitors, link).status_code == 410
    assert choose(visitors, mails.link(ADA)).status_code == 303


def test_case_23_no_link_outlives_a_change_of_the_address(visitors, purpose, mails, db):
    link, code = asked(visitors, mails, purpose)
    db.execute(update(User).values(address="new@x.example", email="new@x.example"))
    db.commit()
    assert visitors().get(link).status_code == 410
    assert choose(visitors, link).status_code == 410
    for email in (ADA, "new@x.example"):
        typed = choose(visitors, f"/{purpose}-password", email=email, code=code)
        assert typed.status_code == 400


@pytest.mark.parametrize("way", ["link", "code"])
def test_case_23_no_set_up_link_works_once_the_password_is_set(visitors, people, mails, way, db):
    people.account(ADA, password=None)
    older, older_code = asked(visitors, mails, "setup")
    link, code = asked(visitors, mails, "setup")
    if way == "link":
        assert choose(visitors, link).status_code == 303
    else:
        assert choose(visitors, "/setup-password", email=ADA, code=code).status_code == 303
    before = db.scalar(select(User.password_hash))
    for each in (older, link):
        assert visitors().get(each).status_code == 410
        assert choose(visitors, each, "nine red bicycles").status_code == 410
    for each in (older_code, code):
        late = choose(visitors, "/setup-password", "nine red bicycles", email=ADA, code=each)
        assert late.status_code == 400
    db.rollback()
    assert db.scalar(select(User.password_hash)) == before


def test_case_23_a_token_opens_no_page_of_another_purpose(visitors, purpose, mails):
    link, code = asked(visitors, mails, purpose)
    token = link.rsplit("/", 1)[1]
    others = {"reset-password", "setup-password", "register/password", "not-me", "lift-pause"}
    for page in others - {f"{purpose}-password"}:
        assert visitors().get(f"/{page}/{token}").status_code == 410
        assert choose(visitors, f"/{page}/{token}").status_code == 410
    assert choose(visitors, "/lift-pause", email=ADA, code=code).status_code == 400
    assert choose(visitors, link).status_code == 303


def test_case_23_a_forged_or_truncated_token_is_refused_in_words(visitors, purpose, mails, db):
    link, _code = asked(visitors, mails, purpose)
    payload, dated, signature = link.rsplit(".", 2)
    before = db.scalar(select(User.password_hash))
    for each in (link[:-3], f"{payload}.{dated}", f"{payload}.{signature}", payload, f"{link}xx"):
        dead = choose(visitors, each)
        assert dead.status_code == 410
        assert "This link no longer works" in dead.text
    db.rollback()
    assert db.scalar(select(User.password_hash)) == before


@pytest.mark.parametrize("way", ["link", "code", "both"])
def test_case_23_twenty_at_once_have_one_winner(visitors, purpose, mails, db, way):
    link, code = asked(visitors, mails, purpose)
    browsers = [visitors() for _ in range(20)]
    tokens = [browser.token() for browser in browsers]
    statuses = []

    def use(number):
        data = {"csrf_token": tokens[number], "password": f"{NEW} {number}"}
        path = link
        if way == "code" or (way == "both" and number % 2):
            path, data = f"/{purpose}-password", data | {"email": ADA, "code": code}
        statuses.append(browsers[number].client.post(path, data=data).status_code)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(303) == 1
    # One account is not given more than so many choices at once. Right codes that come too late
    # are wrong ones, and no more stand at a door at once than half of the threads.
    assert set(statuses) <= {303, 410, 429} | (set() if way == "link" else {400, 503})
    live = select(func.count()).select_from(SignInSession).where(SignInSession.ended_at.is_(None))
    assert db.scalar(live) == 1
    changed = select(func.count()).where(AuditEntry.event == "password:changed")
    assert db.scalar(changed) == 1
    assert sum(visitors().sign_in(ADA, f"{NEW} {n}").status_code == 303 for n in range(3)) <= 1


def test_who_may_not_be_here_is_mailed_why_and_not_a_way_to_a_password(visitors, people, mails):
    people.account(ADA, password=None, status="Inactive")
    assert visitors().sign_in(ADA).status_code == 401
    assert str(mails.to(ADA)[-1]["Subject"]) == "Your Rollcall account is closed for now"


def _rows(db):
    db.rollback()
    return [
        db.scalar(select(func.count()).select_from(table))
        for table in (Code, OutgoingMessage, AuditEntry)
    ]

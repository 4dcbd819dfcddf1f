"""What a mail may carry, and the pages that take it: any code at any page, and dead links."""

import logging
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select, update

from app.core import clock
from app.core.proof import codes
from app.models.access import Code, SignInSession
from app.models.people import User
from app.models.records import AuditEntry, OutgoingMessage

ADA = "ada@learn.agency.example"
NEW = "seven amber lanterns"
PAGES = ["/reset-password", "/setup-password", "/register/password"]


@pytest.fixture(params=["reset", "setup", "registration"])
def mailed(request, people, visitors, mails):
    """What the mail that Ada asked for carries: its purpose and its code."""
    if request.param == "registration":
        people.listed("Lovelace", ADA, "A1")
    else:
        people.account(ADA, password="three green kettles" if request.param == "reset" else None)
    visitors().submit("/forgot-password", email=ADA)
    return request.param, mails.code(ADA)


def typed(visitors, page, code, password=NEW):
    return visitors().submit(page, email=ADA, code=code, password=password)


@pytest.mark.parametrize("page", PAGES)
def test_every_code_page_takes_the_code_of_every_mail(visitors, mailed, page, db):
    purpose, code = mailed
    visitor = visitors()
    done = visitor.submit(page, email=ADA, code=code, password=NEW)
    assert (done.status_code, done.location) == (303, "/program_select")
    said = visitor.follow(done).text
    assert ("Your account is ready" in said) == (purpose == "registration")
    assert ("Your password is set" in said) == (purpose != "registration")
    assert visitors().sign_in(ADA, NEW).status_code == 303
    assert db.scalar(select(SignInSession.method).order_by(SignInSession.id)) == purpose
    assert typed(visitors, page, code, NEW + "!").status_code == 400


@pytest.mark.parametrize("way", ["/forgot-password", "/first-time-password", "/register"])
def test_the_page_that_everybody_is_led_to_takes_what_was_mailed(visitors, people, mails, way):
    people.listed("Lovelace", "listed@x.example", "A1")
    people.account("none@x.example", password=None)
    for email in ("listed@x.example", "none@x.example"):
        visitor = visitors()
        led = visitor.submit(way, last_name="Lovelace", email=email)
        code = mails.code(email)
        assert visitor.submit(led.location, email=email, code=code, password=NEW).status_code == 303


def test_wrong_tries_are_counted_over_all_three_pages(visitors, mailed):
    _purpose, code = mailed
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    statuses = [typed(visitors, PAGES[n % 3], wrong).status_code for n in range(codes.LIMIT.tries)]
    assert statuses == [400] * codes.LIMIT.tries
    for page in PAGES:
        assert typed(visitors, page, code).status_code == 429


def test_the_last_wrong_try_ends_the_codes_of_every_purpose(visitors, people, mails, db):
    people.listed("Lovelace", ADA, "A1", follow=False)
    visitors().submit("/register", last_name="Lovelace", email=ADA)
    people.account(ADA, password=None)
    visitors().submit("/forgot-password", email=ADA)
    for _ in range(codes.LIMIT.tries):
        typed(visitors, "/reset-password", "000000")
    db.rollback()
    ends = db.execute(select(Code.purpose, Code.expires_at)).all()
    assert {purpose for purpose, _at in ends} == {"registration", "setup"}
    assert all(at <= clock.now() for _purpose, at in ends)


@pytest.mark.parametrize("page", PAGES)
def test_a_code_that_ran_out_is_followed_by_a_mail_of_its_kind(visitors, mailed, mails, page, db):
    _purpose, code = mailed
    db.execute(update(Code).values(expires_at=clock.now()))
    db.commit()
    late = typed(visitors, page, code)
    assert late.status_code == 400
    assert "A new one is on its way" in late.text
    kinds = db.scalars(select(OutgoingMessage.kind)).all()
    assert len(kinds) == 2
    assert len(set(kinds)) == 1
    assert typed(visitors, page, mails.code(ADA)).status_code == 303


@pytest.mark.parametrize("page", PAGES)
def test_a_code_to_register_opens_no_account_that_is_there(visitors, people, mails, page, db):
    people.listed("Lovelace", ADA, "A1", follow=False)
    visitors().submit("/register", last_name="Lovelace", email=ADA)
    code = mails.code(ADA)
    people.account(ADA)
    dead = typed(visitors, page, code)
    assert dead.status_code == 410
    assert visitors().page(dead).select_one("main a.btn-primary")
    assert visitors().sign_in(ADA).status_code == 303
    assert visitors().sign_in(ADA, NEW).status_code == 401


@pytest.mark.parametrize("page", PAGES)
def test_a_code_for_an_unknown_address_is_asked_for_as_often(visitors, people, page, app):
    people.account(ADA)
    seen = []
    for email in (ADA, "nobody@x.example"):
        refused = visitors().submit(page, email=email, code="000000", password=NEW)
        seen.append((refused.status_code, "This code does not fit" in refused.text))
    assert seen == [(400, True)] * 2


def test_the_mails_name_the_page_where_their_code_is_typed(visitors, people, mails):
    people.account("has@x.example")
    people.account("none@x.example", password=None)
    people.listed("Lovelace", "listed@x.example", "A1")
    pages = {"has": "reset-password", "none": "setup-password", "listed": "register/password"}
    for name, page in pages.items():
        visitors().submit("/forgot-password", email=f"{name}@x.example")
        mail = mails.to(f"{name}@x.example")[-1]
        for kind in ("plain", "html"):
            text = mail.get_body((kind,)).get_content()
            assert f"http://localhost/{page}:" in text or f"http://localhost/{page} " in text


# A dead link offers a new one by one press.


def dead_link(mailed, visitors, mails, db):
    """The link of that mail, after it was used."""
    link = mails.link(ADA)
    assert visitors().submit(link, password=NEW).status_code == 303
    return link


def press(visitor, page):
    """Press the button of a page as it stands; the fields are those of its form."""
    form = visitor.page(page).select_one("main form")
    data = {each["name"]: each["value"] for each in form.select("input")}
    return visitor.client.post(form["action"], data=data)


def test_a_dead_link_is_renewed_by_one_press(visitors, mailed, mails, db):
    link = dead_link(mailed, visitors, mails, db)
    before = mails.count()
    visitor = visitors()
    dead = visitor.get(link)
    assert dead.status_code == 410
    assert "This link no longer works" in dead.text
    assert mails.count() == before
    answer = press(visitor, dead)
    assert (answer.status_code, answer.location) == (303, "/reset-password")
    assert "Check your mail" in visitor.follow(answer).text
    assert ADA not in visitor.get("/reset-password").text
    assert mails.count() == before + 1
    if mailed[0] == "registration":
        assert "have_account" in db.scalars(select(OutgoingMessage.kind)).all()
    else:
        assert visitors().submit(mails.link(ADA), password="nine red bicycles").status_code == 303


def test_an_old_link_to_register_or_from_a_welcome_is_renewed(visitors, people, mails):
    people.admin().submit("/admin/people/add", last_name="Byron", email="b@x.example")
    people.listed("Lovelace", ADA, "A1")
    visitors().submit("/register", last_name="Lovelace", email=ADA)
    olds = {ADA: mails.link(ADA), "b@x.example": mails.link("b@x.example")}
    with time_machine.travel(clock.now() + timedelta(days=3)):
        for email, link in olds.items():
            visitor = visitors()
            press(visitor, visitor.get(link))
            fresh = mails.link(email)
            assert fresh != link
            assert visitors().submit(fresh, password=NEW).status_code == 303


def test_the_answer_is_the_same_where_nobody_is_left_to_write_to(visitors, mailed, mails, db):
    link = dead_link(mailed, visitors, mails, db)
    visitor = visitors()
    page = visitor.get(link)
    db.execute(update(User).values(status="Inactive"))
    db.commit()
    told = press(visitor, page)
    assert (told.status_code, told.location) == (303, "/reset-password")
    assert "is closed for now" in str(mails.to(ADA)[-1]["Subject"])


def test_a_dead_link_writes_to_the_mailbox_of_today(visitors, people, mails, db):
    people.account(ADA)
    visitors().submit("/forgot-password", email=ADA)
    link = mails.link(ADA)
    db.execute(update(User).values(address="new@x.example", email="new@x.example"))
    db.commit()
    visitor = visitors()
    answer = press(visitor, visitor.get(link))
    assert "new@x.example" not in visitor.follow(answer).text
    assert mails.link("new@x.example")
    assert len(mails.to(ADA)) == 1


@pytest.mark.parametrize(
    "path", ["/reset-password/x", "/setup-password/x.y.z", "/register/password/x", "/not-me/x"]
)
def test_what_we_never_signed_leads_to_the_form(visitors, path, mails):
    visitor = visitors()
    dead = visitor.get(path)
    assert dead.status_code == 410
    assert not visitor.page(dead).select("main form")
    form = visitor.page(dead).select_one("main a.btn-primary")["href"]
    assert visitor.get(form).status_code == 200
    forged = visitor.submit("/login", to="/new-link", token="x")
    assert (forged.status_code, forged.location) == (303, "/forgot-password")
    assert mails.count() == 0


def test_nothing_asks_anew_without_a_press(visitors, mailed, mails, db):
    link = dead_link(mailed, visitors, mails, db)
    before = mails.count()
    token = link.rsplit("/", 1)[1]
    assert visitors().get(f"/new-link?token={token}").status_code == 405
    assert visitors().client.post("/new-link", data={"token": token}).status_code == 400
    assert mails.count() == before


@pytest.mark.parametrize(
    "path", ["/reset-password/", "/setup-password/", "/register/password/", "/not-me/"]
)
def test_a_refused_token_is_logged_by_its_route_alone(visitors, caplog, path):
    token = "a-token-that-nobody-signed"
    with caplog.at_level(logging.INFO):
        assert visitors().get(path + token).status_code == 410
    lines = [each.getMessage() for each in caplog.records]
    refused = [each for each in lines if "refused" in each and "link_dead" in each]
    assert len(refused) == 1
    assert f"{path}<token>" in refused[0]
    assert not any(token in each for each in lines)


# Who was shut out after the mail went.

CLOSED = {
    "expired": {"expiry_date": clock.now().replace(year=2020)},
    "suspended": {"status": "Inactive"},
    "off the list": {"from_roster": True},
}


@pytest.mark.parametrize("way", ["link", "code"])
@pytest.mark.parametrize("why", CLOSED)
def test_who_was_shut_out_meanwhile_keeps_password_and_is_told(
    visitors, people, mails, db, way, why
):
    people.account(ADA)
    elsewhere = visitors()
    elsewhere.sign_in(ADA)
    visitors().submit("/forgot-password", email=ADA)
    link, code = mails.link(ADA), mails.code(ADA)
    before = db.scalar(select(User.password_hash))
    db.execute(update(User).values(**CLOSED[why]))
    db.commit()
    if way == "link":
        visitor = visitors()
        assert visitor.get(link).status_code == 410
        data = {"csrf_token": visitor.token(), "password": NEW}
        assert visitor.client.post(link, data=data).status_code == 410
    else:
        refused = typed(visitors, "/reset-password", code)
        assert refused.status_code == 400
        assert "This code does not fit" in refused.text
    db.rollback()
    assert db.scalar(select(User.password_hash)) == before
    ended = select(func.count()).where(SignInSession.end_reason == "password_changed")
    assert db.scalar(ended) == 0
    assert not db.scalar(select(AuditEntry.id).where(AuditEntry.event == "password:changed"))
    if why != "suspended" or way == "code":
        # A suspension moves the stamp, so that the link names nobody any more.
        assert "is closed for now" in str(mails.to(ADA)[-1]["Subject"])

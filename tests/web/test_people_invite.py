"""Inviting from the list of people, and the file of those on the list who have not registered."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.core import clock
from app.models.access import SignInSession
from app.models.invitations import Invitation
from app.models.people import User
from app.models.records import Job, OutgoingMessage

ADA, BO, CY = (f"{name}@learn.agency.example" for name in ("ada", "bo", "cy"))


@pytest.fixture
def admin(people):
    """An owner's visitor beside three people: two without a password, of whom a list has one."""
    people.listed("Lovelace", ADA, "A1")
    people.account(ADA, password=None)
    people.account(BO, last_name="Byron", password=None)
    people.account(CY, last_name="Curie")
    return people.admin()


def words(visitor, path):
    return " ".join(visitor.page(visitor.get(path)).select_one("main").text.split())


def fields(visitor, path):
    """What the form of the page sends along."""
    form = visitor.page(visitor.get(path)).select_one("main form[method=post]")
    sent = {}
    for each in form.select("input[type=hidden]"):
        sent.setdefault(each["name"], []).append(each["value"])
    return sent


def a_day_passes(db):
    """Puts every invitation and every mail a day back."""
    ago = clock.now() - timedelta(hours=25)
    db.execute(update(Invitation).values(invited_at=ago))
    db.execute(update(OutgoingMessage).values(created_at=ago))


def send(visitor, path):
    return visitor.submit(path, to="/admin/people/invite", **fields(visitor, path))


def test_all_that_match_are_invited_from_the_list_and_the_way_in_works(
    admin, visitors, work, mails, db
):
    page = admin.page(admin.get("/admin/people?q=learn.agency&password=no"))
    button = page.find("a", string="Invite those without a password")
    path = button["href"]
    assert "2 people get a mail" in words(admin, path)
    assert mails.to(ADA) == []
    sending = send(admin, path)
    assert sending.status_code == 303
    work()
    assert "2 of 2 people are invited" in words(admin, sending.location)
    assert "Filtered from the list of people" in words(admin, sending.location)
    subjects = [str(mails.to(each)[-1]["Subject"]) for each in (ADA, BO)]
    assert subjects == ["Your way into Rollcall", "Welcome to Rollcall"]
    assert mails.to(CY) == []
    for each in (ADA, BO):
        visitor = visitors()
        assert visitor.submit(mails.link(each), password="seven amber lanterns").status_code == 303
    assert "Nobody needs a mail" in words(admin, path)


def test_those_ticked_alone_are_meant_and_nobody_gets_two_within_a_day(admin, work, mails, db):
    ids = dict(db.execute(select(User.email, User.id)).all())
    asked = f"action=invite&who=ticked&ids={ids[BO]}&ids={ids[CY]}&q=ignored"
    path = admin.get(f"/admin/people/bulk?{asked}").location
    assert "1 person gets a mail" in words(admin, path)
    sending = send(admin, path).location
    work()
    assert (len(mails.to(BO)), mails.to(ADA)) == (1, [])
    assert "2 people ticked in the list of people" in words(admin, sending)
    assert "Nobody needs a mail" in words(admin, path)
    again = admin.submit(path, to="/admin/people/invite", who="ticked", ids=[str(ids[BO])])
    assert "Nobody waits for an invitation" in admin.follow(again).text
    a_day_passes(db)
    db.commit()
    send(admin, path)
    work()
    assert len(mails.to(BO)) == 2
    assert "Nobody needs a mail" in words(admin, "/admin/people/invite?who=ticked")


def test_a_press_after_a_while_asks_for_the_password_and_comes_back_to_the_same_people(admin, db):
    path = "/admin/people/invite?who=all&q=learn.agency"
    token = admin.token(path)
    db.execute(update(SignInSession).values(proved_at=clock.now() - timedelta(days=1)))
    db.commit()
    referrer = {"Referer": f"http://localhost{path}"}
    data = {"csrf_token": token, "who": "all", "q": "learn.agency"}
    asked = admin.client.post("/admin/people/invite", data=data, headers=referrer)
    assert "learn.agency" in asked.location
    assert asked.location.startswith("/confirm?")


def test_mails_that_were_written_before_a_stop_are_said_to_leave(admin, work, mails, db):
    sending = send(admin, "/admin/people/invite?who=all").location
    work()
    db.execute(update(Job).values(state="running", finished_at=None))
    db.commit()
    said = admin.follow(admin.submit(sending, to=f"{sending}/stop")).text
    assert "Mails that were written already still leave; nobody else gets one." in said
    db.execute(update(Job).values(state="stopped"))
    db.commit()
    before = "2 mails were written before it stopped and still wait to leave."
    assert before in words(admin, sending)
    assert len(mails.to(ADA)) == len(mails.to(BO)) == 1
    assert "still wait" not in words(admin, sending)


def test_accounts_made_of_a_file_are_seen_and_invited(people, app, work, mails, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(f"last_name,email,status,lo_root_ids\nLovelace,{ADA},Active,A1\n")
    done = app.test_cli_runner().invoke(args=["rollcall", "people", "add-all", str(file)])
    assert done.exit_code == 0
    admin = people.admin()
    assert ADA in words(admin, "/admin/people?password=no&roster=never")
    send(admin, "/admin/people/invite?who=all&roster=never")
    work()
    assert str(mails.to(ADA)[-1]["Subject"]) == "Welcome to Rollcall"


def test_whoever_was_added_or_asked_for_a_link_today_gets_no_second_one(
    admin, visitors, work, mails, db
):
    admin.submit("/admin/people/add", last_name="Dee", email="dee@x.example")
    visitors().submit("/first-time-password", email=BO, last_name="Byron")
    assert len(mails.to("dee@x.example")) == len(mails.to(BO)) == 1
    assert "1 person gets a mail" in words(admin, "/admin/people/invite?who=all")
    db.execute(
        update(OutgoingMessage).where(OutgoingMessage.recipient == BO).values(state="failed")
    )
    db.commit()
    assert "2 people get a mail" in words(admin, "/admin/people/invite?who=all")
    send(admin, "/admin/people/invite?who=all")
    work()
    assert len(mails.to("dee@x.example")) == 1
    assert (len(mails.to(BO)), len(mails.to(ADA))) == (2, 1)


def test_who_has_not_registered_is_counted_and_downloaded(admin, people, work, db):
    people.listed("=Evil", "evil@x.example", "B1", "B2")
    people.listed("Curie", CY)
    people.listed("Inactive", "inactive@x.example", active=False)
    for path in ("/admin", "/admin/people", "/admin/people?roster=listed"):
        assert "people on the list have not registered." in words(admin, path)
    assert "have not registered." not in words(admin, "/admin/people?q=ada")
    page = admin.page(admin.get("/admin"))
    link = page.select_one(".todo").find("a", string="Download")["href"]
    send(admin, "/admin/people/invite?who=all")
    work()

    def rows(path):
        answer = admin.get(path)
        assert answer.data.startswith(b"\xef\xbb\xbf")
        header, *found = csv.reader(io.StringIO(answer.data.decode("utf-8-sig")))
        assert header[:2] == ["Last Name", "Email"]
        return found

    ada, evil = rows(link)
    assert (ada[:4], ada[5]) == (["Lovelace", ADA, "A class", "without a password"], "1")
    assert ada[4] == f"{db.scalars(select(Invitation.invited_at)).first():%Y-%m-%d %H:%M:%S}"
    assert evil == ["'=Evil", "evil@x.example", "A class", "none", "", "0"]
    narrowed = admin.page(admin.get("/admin/invitations?lo_root_id=A1"))
    link = narrowed.find("a", string="Download who has not registered")["href"]
    assert [row[1] for row in rows(link)] == [ADA]
    assert rows("/admin/people/unregistered.csv?import_id=1") == []

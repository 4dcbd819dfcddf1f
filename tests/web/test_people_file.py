"""People from a file: what becomes of each line is shown, and one yes adds them."""

import csv
import io
from datetime import timedelta

import openpyxl
import pytest
from sqlalchemy import func, select, update

from app import jobs
from app.core import clock
from app.core.desk.people import bulk, proposing
from app.models.access import SignInSession
from app.models.people import Entitlement, User
from app.models.proposals import PeopleFile
from app.models.records import AuditEntry, Job
from app.web.admin import people_file

PATH = "/admin/people/add-file"
ADA, BO, CY = (f"{name}@x.example" for name in ("ada", "bo", "cy"))
HEADER = "last_name,email,status,lo_root_id"
LINES = f"""{HEADER}
'=Lovelace,{ADA},Active,A1;B2
Byron,{BO},Active,A1
Cyan,{CY},Inactive,A1
Dee,no address,Active,A1
<b>Eve</b>,eve@x.example,gone,A1
Lovelace,{ADA},Active,
Fox,fay@x.example,Active,A1
Gray,fay@x.example,Active,A1
"""


@pytest.fixture
def admin(people):
    """The visitor of an owner."""
    return people.admin()


def send(visitor, text, name="staff.csv", **fields):
    data = text if isinstance(text, bytes) else text.encode()
    return visitor.submit(PATH, file=(io.BytesIO(data), name), **fields)


def lines_of(page):
    """Number, address and words of each line on the page."""
    found = []
    for row in page.select("tbody tr"):
        address = [each.text for each in row.select("th .under") if "@x." in each.text]
        found.append([row.td.text, *address, row.select_one(".tag").text])
    return found


def addresses(db):
    db.rollback()
    return set(db.scalars(select(User.address)))


def many(number):
    rows = "".join(f"Name,p{each}@y.example,Active,\n" for each in range(number))
    return f"{HEADER}\n{rows}"


def test_each_line_says_what_becomes_of_it_and_nothing_happens_yet(admin, people, db):
    people.account(BO)
    before = addresses(db)
    kept = send(admin, LINES)
    assert kept.status_code == 303
    page = admin.page(admin.get(kept.location))
    assert page.h1.text == "1 person would be added"
    assert lines_of(page) == [
        ["2", ADA, "Will be added"],
        ["3", BO, "Has an account already"],
        ["4", CY, "Not active"],
        ["5", "Left out"],
        ["6", "eve@x.example", "Not active"],
        ["7", "Worth a look"],
        ["8", "fay@x.example", "Left out"],
        ["9", "Left out"],
    ]
    text = page.main.get_text(" ") if page.main else page.get_text(" ")
    assert "=Lovelace" in text
    assert "'=Lovelace" not in text
    assert "The status “gone” is not known" in text
    assert "This address stands with two last names" in text
    assert page.select("tbody b") == []
    wrong = admin.page(admin.get(f"{kept.location}?show=wrong"))
    assert [each[0] for each in lines_of(wrong)] == ["5", "8", "9"]
    assert addresses(db) == before


def test_one_yes_adds_them_and_mails_them_at_the_rate_of_invitations(admin, work, mails, db, app):
    kept = send(admin, f"{HEADER}\nLovelace,{ADA},Active,A1;B2\nByron,{BO},Active,\n")
    shown = admin.page(admin.get(kept.location))
    assert shown.select_one("input[name=number]")["value"] == "2"
    added = admin.submit(kept.location, mail="1", number="2")
    assert added.status_code == 303
    assert "2 people were added" in admin.get(added.location).text
    assert "2 people added from staff.csv" in admin.get(added.location).text
    assert {ADA, BO} <= addresses(db)
    held = select(Entitlement.lo_root_id, Entitlement.source).join(User).where(User.address == ADA)
    assert set(db.execute(held).all()) == {("A1", "admin"), ("B2", "admin")}
    work()
    assert [len(mails.to(each)) for each in (ADA, BO)] == [1, 1]
    assert "Welcome" in mails.to(ADA)[0]["Subject"]
    db.rollback()
    job = db.scalars(select(Job)).one()
    assert (job.kind, job.done, job.state) == ("invite", 2, "done")
    entry = db.scalars(select(AuditEntry).where(AuditEntry.event == "people:added")).one()
    assert (entry.details["file"], entry.details["added"]) == ("staff.csv", 2)
    again = admin.follow(admin.submit("/admin", to=kept.location, mail="1", number="2"))
    assert "no longer waits" in again.text
    assert db.scalar(select(func.count()).select_from(PeopleFile)) == 0


def test_a_page_that_is_still_open_never_adds_a_later_file(admin, db):
    first = send(admin, f"{HEADER}\nLovelace,{ADA},Active,A1\n")
    later = send(admin, f"{HEADER}\nByron,{BO},Active,A1\n")
    stale = admin.submit("/admin", to=first.location, mail="1", number="1")
    assert "a later one came" in admin.follow(stale).text
    assert addresses(db).isdisjoint({ADA, BO})
    assert "1 person would be added" in admin.get(later.location).text


def test_without_the_tick_nobody_is_mailed(admin, work, mails, db):
    kept = send(admin, f"{HEADER}\nLovelace,{ADA},Active,A1\n")
    assert admin.submit(kept.location, number="1").location == "/admin/people"
    work()
    assert (ADA in addresses(db), mails.to(ADA)) == (True, [])


def test_the_number_that_was_shown_is_the_number_that_is_added(admin, people, db, monkeypatch):
    kept = send(admin, f"{HEADER}\nLovelace,{ADA},Active,A1\nByron,{BO},Active,\n")
    people.account(BO)
    refused = admin.submit(kept.location, mail="1", number="2")
    assert (refused.status_code, ADA in addresses(db)) == (422, False)
    assert "Type the number 1" in refused.text
    assert "1 person would be added" in refused.text
    assert admin.submit(kept.location, number="1").status_code == 303
    monkeypatch.setattr(bulk, "LARGE", 3)
    kept = send(admin, many(3))
    page = admin.page(admin.get(kept.location))
    assert page.select_one("input[name=number]").get("value") == ""
    assert admin.submit(kept.location, number="").status_code == 422
    assert admin.submit(kept.location, number="3").status_code == 303
    assert len(addresses(db)) == 3 + 3
    nobody = send(admin, many(3))
    assert "Nobody would be added" in admin.get(nobody.location).text
    assert admin.submit("/admin", to=nobody.location, number="0").status_code == 409


def test_what_is_no_list_or_too_long_is_refused_with_the_reason(admin, db, monkeypatch):
    monkeypatch.setattr(proposing, "MOST_ROWS", 20)
    refusals = [
        (b"", 422, "Choose a file"),
        (b"name,mail\nx,y@x.example\n", 422, "no column"),
        (f"{HEADER}\nMüller,{ADA},Active,A\n".encode("cp1252"), 422, "UTF-8"),
        (many(21), 413, "more than 20 rows"),
    ]
    for data, status, words in refusals:
        answer = send(admin, data, name="staff.csv" if data else "")
        assert (answer.status_code, words in answer.text) == (status, True), words
        assert admin.page(answer).select_one("[aria-invalid=true]")["id"] == "file"
    monkeypatch.setattr(proposing, "MOST_BYTES", 300_000)
    large = send(admin, f"{HEADER}\n" + f"N,{ADA},Active,{'x' * 900}\n" * 330)
    assert (large.status_code, "larger than 300 kB" in large.text) == (413, True)
    assert db.scalar(select(func.count()).select_from(PeopleFile)) == 0


def test_an_older_excel_a_workbook_and_pasted_text_are_read_too(admin, db):
    old = send(admin, f"{HEADER}\nMüller,{ADA},Active,A\n".encode("cp1252"), encoding="cp1252")
    assert "Müller" in admin.get(old.location).text
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in (HEADER.split(","), ["Ängström", BO, "Active", "=A1+1"]):
        book.active.append(row)
    book.save(file)
    new = send(admin, file.getvalue(), name="staff.xlsx", encoding="cp1252")
    assert "Ängström" in admin.get(new.location).text
    pasted = admin.submit(PATH, pasted=f"{HEADER}\nÖst,{CY},Active,A".replace(",", "\t"),
                          encoding="cp1252")  # fmt: skip
    assert "Öst" in admin.get(pasted.location).text
    assert db.scalar(select(func.count()).select_from(PeopleFile)) == 1


def test_the_template_reads_back(admin):
    template = admin.get(f"{PATH}/template")
    rows = list(csv.reader(io.StringIO(template.data.decode("utf-8-sig"))))
    assert [len(each) for each in rows] == [4, 4]
    assert "1 person would be added" in admin.get(send(admin, template.data).location).text


def test_a_long_file_is_shown_page_by_page(admin, monkeypatch):
    monkeypatch.setattr(people_file, "PAGE", 4)
    path = send(admin, many(9)).location
    seen = []
    while path:
        page = admin.page(admin.get(path))
        seen += [each[0] for each in lines_of(page)]
        following = page.select_one("nav.pages [rel=next]")
        path = following and following["href"]
    assert seen == [str(number) for number in range(2, 11)]


def test_it_is_for_who_sent_it_and_waits_no_longer_than_a_week(admin, people, visitors, db):
    kept = send(admin, f"{HEADER}\nLovelace,{ADA},Active,A1\n")
    other = people.admin("other@agency.example")
    for answer in (other.get(kept.location), other.submit("/admin", to=kept.location, number="1")):
        assert answer.location == PATH
    discarded = other.submit("/admin", to=f"{kept.location}/discard")
    assert (discarded.status_code, ADA in addresses(db)) == (303, False)
    assert admin.get(kept.location).status_code == 200
    db.execute(update(SignInSession).values(proved_at=None))
    db.commit()
    assert admin.submit(kept.location, number="1").location.startswith("/confirm?")
    db.execute(update(PeopleFile).values(created_at=clock.now() - timedelta(days=8)))
    db.commit()
    jobs.tidy_up(people.app.extensions["rollcall"].sessions)
    assert admin.get(kept.location).location == PATH
    kept = send(admin, f"{HEADER}\nLovelace,{ADA},Active,A1\n")
    admin.submit(kept.location, to=f"{kept.location}/discard")
    assert "put aside" in admin.get(PATH).text
    assert db.scalar(select(func.count()).select_from(PeopleFile)) == 0

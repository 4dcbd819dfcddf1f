"""The lists of the console as files: what the page shows, filtered as it is, and no formula."""

import csv
import io

import pytest
from sqlalchemy import select, update

from app.core import clock
from app.core.desk import lists
from app.models.people import User
from app.models.programs import Program
from app.models.records import Job, OutgoingMessage
from app.models.rosters import RosterChange

ADA, BO = "ada@x.example", "bo@x.example"


@pytest.fixture(autouse=True)
def two_at_once(monkeypatch):
    """Two rows a batch, so that a short list already takes more than one."""
    monkeypatch.setattr(lists, "BATCH", 2)


@pytest.fixture
def admin(people):
    for number in range(5):
        people.account(f"p{number}@x.example", last_name=f"=N{number}", password=None)
    return people.admin()


def file_behind(visitor, path, label="Download as CSV"):
    """The rows of the file that the page leads to, without the header."""
    page = visitor.page(visitor.get(path))
    answer = visitor.get(page.find("a", string=label)["href"])
    assert answer.data.startswith(b"\xef\xbb\xbf")
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))[1:]


def test_the_outbox_and_a_sending_as_files(admin, people, work, db):
    path = "/admin/people/invite?who=all"
    sending = admin.submit(path, to="/admin/people/invite", who="all").location
    work()
    db.execute(update(OutgoingMessage).values(last_error="=550", state="failed"))
    db.execute(update(User).where(User.email == "p1@x.example").values(password_hash="x"))
    db.commit()
    rows = file_behind(admin, "/admin/outbox?kind=welcome")
    assert [row[0] for row in rows] == [f"p{number}@x.example" for number in (4, 3, 2, 1, 0)]
    assert {(row[1], row[2], row[6]) for row in rows} == {("welcome", "failed", "'=550")}
    assert len(file_behind(admin, "/admin/outbox?to=p1%40x.example")) == 1
    everybody = file_behind(admin, sending)
    assert [row[1] for row in everybody] == [f"p{number}@x.example" for number in range(5)]
    assert everybody[1][:3] == ["'=N1", "p1@x.example", "set"]
    assert len(file_behind(admin, f"{sending}?show=open")) == 4


def test_who_can_open_a_program_as_a_file(admin, people, db):
    people.account(ADA, ids=["A1", "B2"])
    people.account(BO, ids=["A1"])
    people.program("BCC", ids=["A1", "B2"])
    people.program("ALL")
    codes = dict(db.execute(select(Program.code, Program.id)).all())
    rows = file_behind(admin, f"/admin/programs/{codes['BCC']}/people")
    assert [row[2:] for row in rows] == [[ADA, "A1; B2"], [BO, "A1"]]
    assert len(file_behind(admin, f"/admin/programs/{codes['ALL']}/people")) == 8


def test_the_people_of_an_import_as_a_file(admin, people, db):
    people.listed("Lovelace", ADA, "A1")
    import_id = people._import()
    for number in range(5):
        address, name = f"q{number}@x.example", f"Name {number % 2}"
        change = "added" if number else "removed"
        row = {"address": address, "last_name": name, "change": change, "gained": "A1;B2"}
        db.add(RosterChange(import_id=import_id, **row))
    db.commit()
    path = f"/admin/roster/{import_id}/people"
    found = file_behind(admin, f"{path}?kind=added")
    assert [row[1] for row in found] == [f"q{number}@x.example" for number in (1, 2, 3, 4)]
    assert found[1] == ["Name 0", "q2@x.example", "added", "A1;B2", ""]
    assert [row[1] for row in file_behind(admin, f"{path}?kind=added&q=q3")] == ["q3@x.example"]
    assert admin.get("/admin/roster/999/people.csv").status_code == 404


def test_programs_and_jobs_as_files(admin, people, db):
    for code in ("A", "B", "C"):
        people.program(code, ids=["X1", "Y1"], is_active=code != "B")
    for state in ("done", "failed", "failed", "failed"):
        db.add(Job(kind="invite", state=state, created_at=clock.now(), facts={}, error="-1"))
    db.commit()
    rows = file_behind(admin, "/admin/programs")
    assert [row[0] for row in rows] == ["A", "B", "C"]
    assert rows[1][2:] == ["standard", "off", "X1; Y1", "3", "0"]
    assert [row[0] for row in file_behind(admin, "/admin/programs?state=open")] == ["A", "C"]
    assert [row[2] for row in file_behind(admin, "/admin/jobs?state=failed")] == ["failed"] * 3
    assert file_behind(admin, "/admin/jobs")[-1][8] == "'-1"

"""Many accounts at once from the console: inviting them, and the changes of the page."""

import csv
import io
import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.core import clock
from app.models.invitations import Invitation
from app.models.people import User
from app.models.records import OutgoingMessage

ADA, BO, CY = (f"{name}@x.example" for name in ("ada", "bo", "cy"))


@pytest.fixture
def run(app):
    """Runs a command of `people`; what it printed, as data where that is JSON."""

    def command(*words, code=0):
        done = app.test_cli_runner().invoke(args=["rollcall", "people", *words])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if "--json" in words else done.output

    return command


def test_accounts_without_a_password_are_counted_and_invited(run, people, work, mails):
    people.account(ADA, password=None, ids=["A1"])
    people.account(BO, password=None)
    people.account(CY)
    dry = run("invite", "--dry-run", "--json")
    assert dry == {"waiting": 2, "job_id": None, "dry_run": True}
    assert "1 accounts wait" in run("invite", "--lo", "A1")
    work()
    assert (len(mails.to(ADA)), mails.to(BO)) == (1, [])
    assert run("invite", "--lo", "A1", "--json")["job_id"] is None


def test_all_that_match_are_changed_and_owners_never(run, people, work, db):
    people.account(ADA)
    people.account(BO, last_name="Byron")
    people.admin("grace@x.example")
    assert "Add --yes" in run("change-all", "suspend", code=2)
    dry = run("change-all", "suspend", "--search", "x.example", "--dry-run", "--json")
    assert dry == {"people": 2, "left_out": 1, "job_id": None, "dry_run": True}
    refused = run("change-all", "end-sessions", "--search", "nobody", "--yes", "--json", code=1)
    assert refused["code"] == "nobody_left"
    run("change-all", "suspend", "--search", "byron", "--yes")
    work()
    run("change-all", "delete", "--status", "suspended", "--yes", "--chats", "delete")
    work()
    db.rollback()
    assert set(db.scalars(select(User.email))) == {ADA, "grace@x.example"}


def test_all_that_match_are_extended_to_a_day(run, people, work, db):
    people.account(ADA, expiry_date=clock.now())
    people.account(BO, expiry_date=clock.now())
    day = (clock.today() + timedelta(days=9)).isoformat()
    assert "--until is for extend" in run("change-all", "suspend", "--until", day, code=2)
    past = run("change-all", "extend", "--until", "2001-02-03", "--yes", "--json", code=1)
    assert past["code"] == "past_date"
    run("change-all", "extend", "--search", "ada", "--until", day, "--yes")
    run("change-all", "extend", "--search", "bo@", "--yes")
    work()
    db.rollback()
    ends = dict(db.execute(select(User.email, User.expiry_date)).all())
    assert ends[ADA].date().isoformat() == day
    assert ends[BO] > clock.now() + timedelta(days=700)


def test_who_was_invited_and_set_no_password_is_invited_again(run, people, work, mails, db):
    people.account(ADA, password=None)
    people.account(BO, password=None)
    job = str(run("invite", "--json")["job_id"])
    work()
    assert run("invite", "--again", job, "--json")["waiting"] == 0
    mails.deliver()
    yesterday = clock.now() - timedelta(hours=25)
    db.execute(update(Invitation).values(invited_at=yesterday))
    db.execute(update(OutgoingMessage).values(created_at=yesterday))
    db.execute(update(User).where(User.email == BO).values(password_hash="set since"))
    db.commit()
    assert "1 people of job" in run("invite", "--again", job, "--dry-run")
    assert run("invite", "--again", job, "--json")["waiting"] == 1
    work()
    assert (len(mails.to(ADA)), len(mails.to(BO))) == (2, 1)
    assert run("invite", "--again", "999", "--json", code=1)["code"] == "not_found"
    assert "takes no filter" in run("invite", "--again", job, "--lo", "A1", code=2)


def test_the_file_is_that_of_the_page_with_the_same_filters(run, people):
    people.account(ADA, last_name="=Lovelace", ids=["B2", "A1"])
    people.account(BO, status="Inactive")
    admin = people.admin()
    assert run("export") == admin.get("/admin/people/export").text.replace("\r\n", "\n")
    few = run("export", "--search", "ada")
    assert few == admin.get("/admin/people/export?q=ada").text.replace("\r\n", "\n")
    (row,) = csv.DictReader(io.StringIO(few.removeprefix("\ufeff")))
    assert (row["Last Name"], row["LO Root IDs"]) == ("'=Lovelace", "A1; B2")
    (line,) = run("export", "--status", "suspended", "--search", "bo").splitlines()[1:]
    assert BO in line
    one = run("export", "--search", "ada", "--json")
    assert (one["email"], one["lo_root_ids"]) == (ADA, ["A1", "B2"])

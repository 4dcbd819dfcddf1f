"""Many accounts at once from the console: inviting them, and the changes of the page."""

import json

import pytest
from sqlalchemy import select

from app.models.people import User

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

"""`flask rollcall people`: the page People, from the console."""

import json

import pytest
from sqlalchemy import select

from app.models.people import User
from app.models.records import AuditEntry

ADA = "ada@learn.agency.example"


@pytest.fixture
def run(app):
    """The command, as a maintainer calls it."""
    runner = app.test_cli_runner()
    return lambda *words: runner.invoke(args=["rollcall", "people", *words])


def test_it_lists_and_shows(run, people):
    people.account(ADA, last_name="Muñoz")
    people.account("bo@x.example", status="Inactive")
    told = json.loads(run("list", "--json", "--search", "muñ").stdout)
    assert [each["email"] for each in told["people"]] == [ADA]
    assert (told["count"], told["more"], told["next"]) == (1, False, None)
    listed = run("list", "--status", "suspended")
    assert "bo@x.example" in listed.stdout
    assert ADA not in listed.stdout
    shown = json.loads(run("show", ADA.upper(), "--json").stdout)
    assert (shown["password"], shown["kept_out"]) == (True, None)


def test_it_changes_and_leaves_entries(run, people, db):
    user = people.account(ADA)
    assert run("suspend", ADA).exit_code == 0
    assert run("extend", ADA, "--until", "2099-01-02").exit_code == 0
    assert run("end-sessions", ADA).exit_code == 0
    db.refresh(user)
    assert (user.status, user.expiry_date.year) == ("Inactive", 2099)
    assert json.loads(run("restore", ADA, "--json").stdout) == {"restored": ADA}
    assert run("delete", ADA).exit_code == 2
    assert run("delete", ADA, "--yes").exit_code == 0
    db.rollback()
    assert db.scalar(select(User.id)) is None
    entry = db.scalar(select(AuditEntry).where(AuditEntry.event == "account:deleted"))
    assert entry.actor_id is None


def test_it_refuses_with_1_and_wrong_usage_with_2(run, people):
    people.admin("grace@agency.example")
    last = run("suspend", "grace@agency.example", "--json")
    assert last.exit_code == 1
    assert json.loads(last.stdout)["code"] == "last_owner"
    assert run("show", "nobody@x.example").exit_code == 1
    assert run("show", "no address").exit_code == 1
    assert run("extend", ADA, "--until", "soon").exit_code == 2
    assert run("list", "--sort", "x").exit_code == 2

"""`flask rollcall roles …` and `jobs …`: the same words and guards as the pages have."""

import json

import pytest
from sqlalchemy import func, select

from app.core import clock
from app.core.people import roles
from app.models.people import RoleGrant
from app.models.records import AuditEntry, Job

ADA = "ada@learn.agency.example"


@pytest.fixture
def run(app, db):
    """Calls a command as a maintainer does."""

    def call(*arguments):
        result = app.test_cli_runner().invoke(args=["rollcall", *arguments])
        db.rollback()
        return result

    return call


def test_a_role_is_given_listed_and_taken_away(run, people, db, mails):
    ada = people.account(ADA)
    given = run("roles", "grant", ADA.upper(), "Help Desk", "--json")
    assert given.exit_code == 0, given.output
    assert json.loads(given.stdout) == {"email": ADA.upper(), "role": "Help Desk"}
    assert "people:help" in roles.permissions_of(db, ada.id)
    assert "You were given the role “help desk”" in mails.text(ADA)
    listed = {each["name"]: each for each in json.loads(run("roles", "list", "--json").stdout)}
    assert listed["help desk"]["people"] == 1
    assert len(listed["owner"]["permissions"]) == len(roles.Permission)
    assert "Help people: send mails again" in run("roles", "list").stdout
    assert run("roles", "withdraw", ADA, "help desk").exit_code == 0
    assert db.scalar(select(func.count()).select_from(RoleGrant)) == 0
    events = db.scalars(
        select(AuditEntry.event).where(AuditEntry.event.startswith("role:")).order_by(AuditEntry.id)
    ).all()
    assert events == ["role:granted", "role:withdrawn"]


def test_a_refusal_exits_with_one_and_says_why(run, people, db):
    people.admin("grace@agency.example")
    for arguments, code in (
        (("grant", "nobody@x.example", "owner"), "nobody_there"),
        (("grant", "grace@agency.example", "pilot"), "not_found"),
        (("grant", "grace@agency.example", "owner"), "role_held"),
        (("withdraw", "grace@agency.example", "owner"), "last_owner"),
        (("withdraw", "grace@agency.example", "auditor"), "not_found"),
        (("withdraw", "no address", "auditor"), "nobody_there"),
    ):
        refused = run("roles", *arguments, "--json")
        assert refused.exit_code == 1, arguments
        assert json.loads(refused.stdout)["code"] == code
        assert refused.stderr.startswith("Refused: ")
    assert db.scalar(select(func.count()).select_from(RoleGrant)) == 1


def test_jobs_are_listed_stopped_and_tried_again(run, db):
    assert run("jobs", "list").exit_code == 0
    db.add(Job(kind="roster_follow", state="queued", facts={}, created_at=clock.now()))
    db.commit()
    assert "roster_follow" in run("jobs", "list").stdout
    stopped = run("jobs", "stop", "1", "--json")
    assert json.loads(stopped.stdout)["state"] == "stopped"
    assert json.loads(run("jobs", "list", "--state", "stopped", "--json").stdout)[0]["id"] == 1
    again = run("jobs", "stop", "1", "--json")
    assert (again.exit_code, json.loads(again.stdout)["code"]) == (1, "job_over")
    assert json.loads(run("jobs", "retry", "1", "--json").stdout)["state"] == "queued"
    assert run("jobs", "retry", "1").exit_code == 1
    assert run("jobs", "retry", "9").exit_code == 1
    assert run("jobs", "stop", "x").exit_code == 2

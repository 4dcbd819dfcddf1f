"""`flask rollcall programs`: what an admin does to programs, from the console."""

import json

from sqlalchemy import select

from app.models.conversations import Exchange
from app.models.programs import Program
from app.models.records import AuditEntry


def run(app, *words, code=0):
    """Run a command; its standard output, as data where it is JSON."""
    done = app.test_cli_runner().invoke(args=["rollcall", "programs", *words])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if "--json" in words else done.stdout


def test_a_program_goes_through_all_its_states(app, people, db):
    people.program("BCC", ids=["A1"], name="Coaching")
    people.program("MI")
    people.account("ada@x.example", ids=["A1"], password=None)
    db.add(Exchange(user_id=1, program_code="BCC", user_message="Q", bot_message="A"))
    db.commit()
    found = {each["code"]: each for each in run(app, "list", "--json")}
    assert found["BCC"] == {
        "code": "BCC", "name": "Coaching", "state": "open", "category": "standard", "quota": 3,
        "lo_root_ids": ["A1"], "can_open": 1, "or_more": False,
    }  # fmt: skip
    assert "Coaching" in run(app, "list")
    assert run(app, "set-quota", "bcc", "7", "--json")["changed"] is True
    shown = run(app, "show", "BCC", "--json")
    assert (shown["quota"], shown["version"], shown["unheld"]) == (7, 1, [])
    assert "Coaching" in run(app, "show", "bcc")
    run(app, "set-quota", "BCC", "101", code=1)
    assert run(app, "purge", "BCC", "--yes", "--json", code=1)["code"] == "program_not_in_trash"
    assert "restore BCC" in run(app, "trash", "bcc")
    assert run(app, "trash", "BCC", "--json", code=1)["code"] == "program_in_trash"
    assert [each["code"] for each in run(app, "list", "--state", "trash", "--json")] == ["BCC"]
    assert run(app, "restore", "bcc", "--json") == {"code": "BCC", "state": "open"}
    run(app, "trash", "BCC")
    run(app, "purge", "BCC", code=2)
    assert run(app, "purge", "bcc", "--yes", "--json")["state"] == "gone"
    assert run(app, "show", "BCC", "--json", code=1)["code"] == "not_found"
    db.rollback()
    assert db.scalars(select(Program.code)).all() == ["MI"]
    assert db.scalars(select(Exchange.program_code)).all() == ["BCC"]
    events = db.scalars(select(AuditEntry.event).order_by(AuditEntry.id)).all()
    assert events == [
        "program:changed", "program:trashed", "program:restored", "program:trashed",
        "program:purged",
    ]  # fmt: skip

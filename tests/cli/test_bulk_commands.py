"""What admins do to everybody at once, from the console: accounts, the emergency, a repair."""

import json

from sqlalchemy import delete, select

from app.models.people import User, UserLoRootId
from app.models.records import AuditEntry, OutgoingMessage

ADA = "ada@learn.agency.example"


def run(app, *words, code=0):
    """Run a command; its standard output, as data where it is JSON."""
    done = app.test_cli_runner().invoke(args=["rollcall", *words])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if "--json" in words else done.stdout


def test_accounts_are_made_of_a_file(app, db, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(
        f"last_name,email,status,lo_root_ids\nLovelace,{ADA},Active,A1;A2\nFox,?,Active,F\n"
    )
    told = run(app, "people", "add-all", str(file), "--json")
    assert [each["row"] for each in told.pop("warnings")] == [3]
    assert told == {"added": 1, "existing": 0, "inactive": 0, "more_warnings": 0}
    assert "0 added, 1 existing, 0 inactive" in run(app, "people", "add-all", str(file))
    file.write_text("last_name,email\n")
    assert run(app, "people", "add-all", str(file), "--json", code=1)["code"] == "file_refused"
    db.rollback()
    assert db.scalars(select(User.address)).all() == [ADA]
    assert set(db.scalars(select(UserLoRootId.lo_root_id))) == {"A1", "A2"}
    assert db.scalar(select(OutgoingMessage.id)) is None


def test_the_emergency_switch(app, people, db):
    people.program("BCC", ids=["A1"])
    ada = people.signed_in(ADA)
    assert run(app, "emergency", "status", "--json") == {"on": False, "until": None, "reason": None}
    assert run(app, "emergency", "off", "--json", code=1)["code"] == "emergency_off"
    run(app, "emergency", "on", code=2)
    run(app, "emergency", "on", "--hours", "25", "--reason", "x", code=2)
    assert "On until " in run(app, "emergency", "on", "--reason", "The list is wrong")
    assert ada.get("/chat/BCC").status_code == 200
    assert run(app, "emergency", "status", "--json")["reason"] == "The list is wrong"
    again = run(app, "emergency", "on", "--reason", "More", "--json", code=1)
    assert again["code"] == "emergency_on"
    assert run(app, "emergency", "off", "--json")["on"] is False
    assert ada.get("/chat/BCC").status_code == 403
    db.rollback()
    noted = select(AuditEntry.event).where(AuditEntry.event.like("emergency:%"))
    events = db.scalars(noted.order_by(AuditEntry.id)).all()
    assert events == ["emergency:began", "emergency:ended"]


def test_what_people_hold_is_set_anew(app, people, db):
    people.account(ADA, ids=["A1", "A2"])
    db.execute(delete(UserLoRootId).where(UserLoRootId.lo_root_id == "A1"))
    db.commit()
    assert run(app, "roster", "follow", "--json") == {"moved": 1}
    assert "0 LO Root IDs moved" in run(app, "roster", "follow")
    db.rollback()
    assert set(db.scalars(select(UserLoRootId.lo_root_id))) == {"A1", "A2"}


def test_those_of_a_file_are_mailed_where_that_is_wanted(app, db, tmp_path, work, mails):
    file = tmp_path / "people.csv"
    file.write_text(f"last_name,email,status,lo_root_id\nLovelace,{ADA},Active,A1\n")
    told = run(app, "people", "add-all", str(file), "--invite", "--json")
    assert (told["added"], told["job_id"] is None) == (1, False)
    assert run(app, "people", "add-all", str(file), "--invite", "--json")["job_id"] is None
    work()
    assert len(mails.to(ADA)) == 1
    file.write_text("last_name,email,status,lo_root_id\n" + "x,y,Active,\n" * 5001)
    refused = run(app, "people", "add-all", str(file), "--invite", "--json", code=1)
    assert refused["code"] == "too_many_rows"

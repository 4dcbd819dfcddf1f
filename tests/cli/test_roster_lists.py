"""What `flask rollcall roster` lists, writes beside, and says while another import is at work."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.core import backlog, clock
from app.core.backlog import JobKind
from app.models.records import AuditEntry, Job, JobState
from app.models.rosters import ListInForce, RosterImport, RosterLine

ADA, BO, CY = (f"{name}@learn.agency.example" for name in ("ada", "bo", "cy"))


def line(last_name: str, email: str, ids: str = "A1") -> str:
    return f"U1,{last_name},{email},Active,Class 1,2026-03-02,{ids}\n"


FIRST = line("Lovelace", ADA) + line("Byron", BO)


@pytest.fixture
def roster(app, tmp_path):
    path = tmp_path / "list.csv"

    def run(command: str, *arguments: str, data: str | None = None) -> Any:
        given = list(arguments)
        if data is not None:
            path.write_text(data)
            given.insert(0, str(path))
        return app.test_cli_runner().invoke(args=["rollcall", "roster", command, *given])

    return run


def put_in_force(roster: Any, data: str) -> int:
    result = roster("import", "--apply", "--force", "--json", data=data)
    assert result.exit_code == 0, result.output
    return int(json.loads(result.stdout)["import_id"])


def test_a_dry_run_says_who_loses_what_and_what_was_remarked(roster, people):
    people.program("BCC", ids=["A1"])
    for address in (ADA, BO):
        people.signed_in(address)
    put_in_force(roster, FIRST)
    data = line("Byron", BO, "") + line("Cay", CY)
    result = roster("import", "--json", data=data)
    found = json.loads(result.stdout)
    assert (found["losing_program"], found["losing_session"]) == (2, 1)
    assert [(each["line"], each["column"]) for each in found["remarks"]] == [(1, "lo_root_id")]
    assert found["remarks"][0]["reason"].startswith("The LO Root ID is blank")
    words = roster("import", data=data)
    assert "  losing_program       2\n  losing_session       1\n" in words.stdout
    assert "Note: line 1, lo_root_id: The LO Root ID is blank" in words.stderr


def test_two_lists_are_compared_by_name(roster, app):
    one = put_in_force(roster, FIRST)
    other = put_in_force(roster, line("Lovelace", ADA, "A2") + line("Cay", CY))
    pair = (str(one), str(other))
    for kind, last_name, address in (
        ("came", "Cay", CY),
        ("went", "Byron", BO),
        ("changed", "Lovelace", ADA),
    ):
        found = json.loads(roster("compare", *pair, "--list", kind, "--json").stdout)
        assert found["list"] == kind
        assert found["people"] == [{"address": address, "last_name": last_name}]
        assert found[kind] == 1
        words = roster("compare", *pair, "--list", kind).stdout
        assert words.endswith(f"{kind:<8}  {last_name}: {address}\n")
    assert roster("compare", *pair, "--list", "stayed").exit_code == 2
    assert "people" not in json.loads(roster("compare", *pair, "--json").stdout)


def test_problem_lines_are_written_to_be_mended_and_imported(roster, db, tmp_path):
    path = tmp_path / "problems.csv"
    bad = FIRST + "U3,,cy@learn.agency.example,Active,C,D,A1\n"
    result = roster("import", "--apply", "--problems", str(path), data=bad)
    assert result.exit_code == 0, result.output
    text = path.read_bytes().decode()
    assert text.startswith("\ufeffuser_code,last_name,")
    assert text.endswith("U3,,cy@learn.agency.example,Active,C,D,A1,3,The last name is blank.\r\n")
    again = roster("import", "--problems", str(path), data=bad)
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)
    assert path.read_bytes().decode() == text
    result = roster("import", "--apply", "--json", data=text.replace("U3,,", "U3,Cay,"))
    assert (json.loads(result.stdout)["added"], result.exit_code) == (1, 0)
    db.rollback()
    assert set(db.scalars(select(RosterLine.address))) == {ADA, BO, CY}


def test_where_problem_lines_cannot_be_written_nothing_is_applied(roster, db, tmp_path):
    path = tmp_path / "nowhere" / "problems.csv"
    result = roster("import", "--apply", "--problems", str(path), data=FIRST)
    assert (result.exit_code, "cannot be written" in result.stderr) == (2, True)
    assert db.scalars(select(RosterImport)).all() == []


def test_an_import_says_that_it_waits_for_one_that_the_worker_has(roster, db):
    put_in_force(roster, FIRST)
    other = db.scalars(select(RosterImport)).one()
    job = backlog.add(db, JobKind.ROSTER_APPLY, by=None, import_id=other.id)
    job.state, job.claimed_until = JobState.RUNNING.value, clock.now() + timedelta(minutes=1)
    db.commit()
    words = f"Import {other.id} (“list.csv”) is at work with the list: this one waits for its turn."
    result = roster("import", "--json", data=FIRST)
    assert result.stderr.splitlines().count(words) == 1
    assert json.loads(result.stdout)["unchanged"] == 2
    # A worker that died is nobody to wait for.
    db.execute(update(Job).values(claimed_until=clock.now() - timedelta(minutes=1)))
    db.commit()
    assert "waits for its turn" not in roster("import", data=FIRST).stderr


@pytest.mark.parametrize("command", ["import", "undo"])
def test_a_command_says_that_it_waits_for_another_one_and_goes_on(command, roster, app, db):
    put_in_force(roster, FIRST)
    put_in_force(roster, line("Lovelace", ADA))
    with app.extensions["rollcall"].sessions() as holder:
        holder.execute(update(ListInForce).values(import_id=ListInForce.import_id))
        timer = threading.Timer(1.5, holder.commit)
        timer.start()
        result = roster(command, "--json", data=FIRST if command == "import" else None)
        timer.join()
    assert result.exit_code == 0, result.output
    assert result.stderr.count("Another command or change is at work with the list") == 1
    assert json.loads(result.stdout)["added"] == 1
    assert "waits" not in roster("import", data=FIRST).stderr


def test_a_refusal_with_its_line_is_in_the_audit_log_too(roster, db):
    assert roster("import", data=FIRST + "a\0b\n").exit_code == 1
    entry = db.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry.details["reason"].startswith("Line 3: This is no UTF-8 text.")

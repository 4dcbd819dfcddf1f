"""`flask rollcall roster import`: what it prints, how it exits, and what it changes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.roster import imports
from app.database import Base
from app.models.people import User, UserLoRootId
from app.models.records import OutgoingMessage
from app.models.rosters import RosterImport, RosterLine

ADA = "ada@learn.agency.example"
BO = "bo@learn.agency.example"
COUNTS = {"lines", "people", "inactive", "added", "back", "removed", "changed", "unchanged"}
BY_HAND = {"edited", "yielding", "file_wins", "yielded"}
LOSING = {"losing_program", "losing_session"}
KEYS = COUNTS | BY_HAND | LOSING | {"readdressed", "problems", "remarks", "held", "import_id"}
LIST = (
    f"U1,Lovelace,{ADA},Active,Class 1,2026-03-02,A1\n"
    f"U1,Lovelace,{ADA},Active,Class 2,2026-03-02,A2\n"
    f"U2,Byron,{BO},Inactive,Class 1,2026-03-02,A1\n"
    "U3,,cy@learn.agency.example,Active,Class 1,2026-03-02,A1\n"
    "U4,Dee,dee at home,Active,Class 1,2026-03-02,A1\n"
)


class Command:
    """The command as a maintainer calls it, on a file that holds `data`."""

    def __init__(self, app: Flask, folder: Path) -> None:
        self.app = app
        self.path = folder / "list.csv"

    def __call__(self, data: str | bytes, *options: str) -> Any:
        self.path.write_bytes(data.encode() if isinstance(data, str) else data)
        return self.bare(str(self.path), *options)

    def bare(self, *arguments: str) -> Any:
        runner = self.app.test_cli_runner()
        return runner.invoke(args=["rollcall", "roster", "import", *arguments])

    def json(self, data: str | bytes, *options: str) -> dict[str, Any]:
        result = self(data, "--json", *options)
        assert result.exit_code == 0, result.output
        assert result.stdout.count("\n") == 1
        found: dict[str, Any] = json.loads(result.stdout)
        return found


@pytest.fixture
def command(app: Flask, tmp_path: Path) -> Command:
    return Command(app, tmp_path)


def tables(db: Session) -> dict[str, list[str]]:
    db.rollback()
    return {
        table.name: sorted(map(repr, db.execute(select(table))))
        for table in Base.metadata.sorted_tables
    }


def listed(db: Session) -> set[tuple[str, str]]:
    db.rollback()
    rows = db.execute(select(RosterLine.address, RosterLine.lo_root_id))
    return {(address, lo_root_id) for address, lo_root_id in rows}


def test_a_preview_counts_and_writes_nothing_at_all(command, db, people):
    people.account(ADA)
    before = tables(db)
    result = command.json(LIST)
    assert {name: result[name] for name in COUNTS} == {
        "lines": 5,
        "back": 0,
        "people": 2,
        "inactive": 1,
        "added": 1,
        "removed": 0,
        "changed": 0,
        "unchanged": 0,
    }
    assert tables(db) == before


def test_json_is_one_object_with_the_documented_keys(command):
    result = command.json(LIST)
    assert set(result) == KEYS
    assert all(type(result[name]) is int for name in COUNTS)
    assert (result["held"], result["import_id"]) == ([], None)
    assert [(each["line"], each["column"]) for each in result["problems"]] == [
        (4, "last_name"),
        (5, "email"),
    ]
    assert all(set(each) == {"line", "column", "reason"} for each in result["problems"])
    assert all(each["reason"] for each in result["problems"])


def test_apply_makes_it_the_list_without_exactly_the_problems_it_prints(command, db):
    preview = command.json(LIST)
    applied = command.json(LIST, "--apply")
    assert applied.pop("import_id") == db.scalars(select(RosterImport.id)).one()
    assert applied == {name: preview[name] for name in KEYS - {"import_id"}}
    assert listed(db) == {(ADA, "A1"), (ADA, "A2"), (BO, "A1")}
    assert db.scalars(select(RosterImport.state)).all() == ["applied"]
    left_out = {each["line"] for each in applied["problems"]}
    taken = set(db.scalars(select(RosterLine.line)))
    assert left_out | taken == {1, 2, 3, 4, 5}
    assert not left_out & taken


def test_the_same_file_again_is_fine_and_changes_nothing(command, db):
    command.json(LIST, "--apply")
    before = listed(db)
    again = command.json(LIST, "--apply")
    assert (again["added"], again["removed"], again["changed"], again["unchanged"]) == (0, 0, 0, 1)
    assert listed(db) == before


def test_apply_moves_access_and_queues_the_mail(command, db, people):
    ada, bo = people.account(ADA), people.account(BO)
    command(LIST.replace("Inactive", "Active"), "--apply")
    assert command(LIST, "--apply", "--force").exit_code == 0
    db.rollback()
    held = db.execute(select(UserLoRootId.user_id, UserLoRootId.lo_root_id)).all()
    assert {(user_id, each) for user_id, each in held} == {(ada.id, "A1"), (ada.id, "A2")}
    assert bo.id not in {user_id for user_id, _each in held}
    told = db.execute(select(OutgoingMessage.kind, OutgoingMessage.recipient)).all()
    assert [tuple(row) for row in told] == [("off_list", BO)]


def test_no_file_creates_an_account(command, db):
    command(LIST, "--apply")
    command("last_name,email,status,lo_root_id\nLovelace,ada@x.example,Active,A1\n", "--apply")
    db.rollback()
    assert db.scalars(select(User)).all() == []


def test_without_json_people_read_the_counts_the_problems_and_what_to_do(command):
    result = command(LIST)
    assert result.exit_code == 0
    assert "5 lines, 2 people" in result.stdout
    assert "line 4, last_name: The last name is blank." in result.stdout
    assert "line 5, email:" in result.stdout
    assert "Nothing was changed. Add --apply" in result.stderr
    applied = command(LIST, "--apply")
    assert "Applied, without 2 problem lines." in applied.stderr


def test_a_problem_of_a_whole_line_is_said_without_a_column(command):
    result = command(LIST + "too,few\n")
    assert "line 6: The line has 2 fields" in result.stdout


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", None),
        (b"U1,,x,Active\n", 1),
        ("U1,Mu\u00f1oz,ada@x.example,Active,C,D,A1\n".encode("cp1252"), 1),
        (LIST.encode("utf-16"), 1),
        (LIST.encode() + b"\0", 6),
        (b"\nlast_name,email\nLovelace,ada@x.example\n", 2),
    ],
    ids=["empty", "problems alone", "cp1252", "utf-16", "NUL", "no status"],
)
def test_a_refused_file_exits_1_says_why_and_where_and_changes_nothing(
    data, line, command, db, people
):
    people.listed("Byron", BO, "B1")
    before = tables(db)
    for options in ((), ("--apply",), ("--apply", "--json")):
        result = command(data, *options)
        assert result.exit_code == 1
        assert result.stderr.startswith("Refused: ")
        assert len(result.stderr.splitlines()) == 1
        assert len(re.findall(r"(?i)\bline \d", result.stderr)) == (line is not None)
        if "--json" in options:
            said = json.loads(result.stdout)
            assert set(said) == {"error", "code"} | ({"line"} if line else set())
            assert said.get("line") == line
        else:
            assert result.stdout == ""
    after = tables(db)
    entries = after.pop("audit_entries")
    before.pop("audit_entries")
    assert after == before
    assert len(entries) == 3


def test_wrong_usage_exits_2(command, tmp_path, db):
    command.path.write_text(LIST)
    before = tables(db)
    for arguments in (
        (),
        (str(tmp_path / "nowhere.csv"),),
        (str(tmp_path),),
        (str(command.path), "--encoding", "latin-1"),
        (str(command.path), "--aply"),
    ):
        assert command.bare(*arguments).exit_code == 2, arguments
    assert tables(db) == before


def test_a_windows_1252_file_needs_the_word_for_it(command, db):
    data = f"U1,Mu\u00f1oz,{ADA},Active,C,D,A1\n".encode("cp1252")
    refused = command(data, "--apply")
    assert refused.exit_code == 1
    assert "Line 1 is not UTF-8" in refused.stderr
    assert "cp1252" in refused.stderr
    assert command(data, "--apply", "--encoding", "cp1252").exit_code == 0
    db.rollback()
    assert db.scalars(select(RosterLine.last_name)).one() == "Mu\u00f1oz"


def test_a_byte_order_mark_and_any_line_ends_give_the_same(command):
    for mark in ("", "\ufeff"):
        for ends in ("\n", "\r\n", "\r"):
            result = command.json((mark + LIST).replace("\n", ends))
            assert (result["lines"], result["added"]) == (5, 1)
            assert [each["line"] for each in result["problems"]] == [4, 5]


def test_somebody_with_only_problem_lines_stays(command, db):
    command(LIST, "--apply")
    applied = command.json(LIST.replace("Inactive", "Active").replace("Lovelace", ""), "--apply")
    assert (applied["added"], applied["removed"], len(applied["problems"])) == (1, 0, 4)
    assert {(ADA, "A1"), (ADA, "A2")} <= listed(db)


def test_an_extension_and_a_name_that_is_no_text_do_not_matter(command, tmp_path):
    for name in (b"LIST.CSV", b"list", b"caf\xe9 \xff.txt"):
        path = os.path.join(os.fsencode(tmp_path), name)
        Path(os.fsdecode(path)).write_text(LIST)
        assert command.bare(os.fsdecode(path), "--apply").exit_code == 0


def test_the_real_program_reads_a_pipe_and_prints_nothing_but_the_object(app, environment, db):
    arguments = ["rollcall", "roster", "import", "-", "--apply", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
        check=False,
        input=LIST.encode(),
        capture_output=True,
        cwd=app.root_path,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"} | environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert set(json.loads(done.stdout)) == KEYS
    assert listed(db) == {(ADA, "A1"), (ADA, "A2"), (BO, "A1")}


# Held, undone, and what was

MANY = "".join(f"U{n},N{n},p{n}@x.example,Active,Class 1,2026-03-02,A1\n" for n in range(20))
FEWER = "".join(MANY.splitlines(keepends=True)[5:])


def run(app: Flask, *arguments: str) -> Any:
    return app.test_cli_runner().invoke(args=["rollcall", "roster", *arguments])


def test_a_held_import_exits_3_and_changes_nothing_until_it_is_forced(command, app, db):
    command.json(MANY, "--apply")
    before = listed(db)
    preview = command.json(FEWER)
    assert (preview["held"], preview["removed"]) == (["removed"], 5)
    held = command(FEWER, "--apply", "--json")
    assert held.exit_code == 3
    found = json.loads(held.stdout)
    assert found["held"] == ["removed"]
    assert "nothing was changed" in held.stderr
    assert listed(db) == before
    assert db.get(RosterImport, found["import_id"]).state == "held"
    forced = command.json(FEWER, "--apply", "--force")
    assert (forced["held"], len(listed(db))) == (["removed"], 15)


@pytest.fixture
def environment(environment, request):
    if "two_person" in request.node.name:
        environment["ROSTER_TWO_PERSON"] = "true"
    return environment


def test_with_two_persons_even_force_leaves_it_held_for_an_admin(command, db, people):
    ada = people.account(ADA)
    assert command(MANY, "--apply").exit_code == 0
    result = command(FEWER, "--apply", "--force", "--json")
    assert result.exit_code == 3
    import_id = json.loads(result.stdout)["import_id"]
    db.rollback()
    assert len(listed(db)) == 20
    assert imports.confirm(db, import_id, by=ada.id).kind == "roster_apply"


def test_the_list_in_force_again_is_nothing_to_do_and_exits_0(command, db):
    command.json(MANY, "--apply")
    again = command(MANY, "--apply")
    assert again.exit_code == 0
    assert "Nothing to do" in again.stderr
    db.rollback()
    assert db.scalars(select(RosterImport.state)).all() == ["applied"]


def test_add_only_takes_nobody_away(command, db):
    command.json(MANY, "--apply")
    added = command.json(LIST, "--apply", "--mode", "add")
    assert (added["added"], added["removed"], added["back"]) == (1, 0, 0)
    assert len({address for address, _ in listed(db)}) == 22


def test_the_last_import_is_undone_and_what_was_gone_is_back(command, app, db):
    command.json(MANY, "--apply")
    before = listed(db)
    last = command.json(FEWER, "--apply", "--force")["import_id"]
    shown = run(app, "undo", "--dry-run", "--json")
    assert shown.exit_code == 0
    assert len(listed(db)) == 15
    undone = run(app, "undo", str(last), "--json")
    assert undone.exit_code == 0, undone.output
    result = json.loads(undone.stdout)
    assert (result["added"], result["back"], result["removed"]) == (5, 5, 0)
    assert listed(db) == before
    refused = run(app, "undo", str(last), "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["code"] == "nothing_to_undo"


def test_history_and_comparison_are_told_in_words_and_as_json(command, app):
    one = command.json(MANY, "--apply")["import_id"]
    other = command.json(FEWER, "--apply", "--force")["import_id"]
    rows = json.loads(run(app, "history", "--json").stdout)
    assert [row["import_id"] for row in rows] == [other, one]
    assert (rows[0]["removed"], rows[0]["file_name"], rows[0]["state"]) == (
        5,
        "list.csv",
        "applied",
    )
    assert "5 removed" in run(app, "history").stdout
    found = json.loads(run(app, "compare", str(one), str(other), "--json").stdout)
    assert found == {
        "one": one,
        "other": other,
        "came": 0,
        "went": 5,
        "changed": 0,
        "imports": 1,
    }
    assert run(app, "compare", str(one), "999").exit_code == 1


def test_the_exported_list_is_imported_again_without_a_change(command, app, tmp_path):
    command.json(LIST + "U7,'=Dee,dee@x.example,Active,C,D,A1;A2\n", "--apply")
    path = tmp_path / "out.csv"
    assert run(app, "export", str(path)).exit_code == 0
    assert path.read_bytes() == run(app, "export").stdout_bytes.replace(b"\r\n", b"\n")
    again = command.json(path.read_bytes())
    assert (again["added"], again["removed"], again["changed"]) == (0, 0, 0)
    assert again["problems"] == []
    rows = [json.loads(row) for row in run(app, "export", "--json").stdout.splitlines()]
    assert {row["last_name"] for row in rows} == {"Lovelace", "Byron", "=Dee"}

"""`flask rollcall roster import` on files whose columns do not say themselves what they are."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import jobs
from app.core.audit import NOWHERE
from app.core.roster import imports
from app.models.rosters import RosterImport, RosterLine

ADA, BO = "ada@learn.agency.example", "bo@learn.agency.example"
OURS = {"last_name": 0, "email": 1, "status": 2, "lo_root_id": 3}
FOREIGN = f"Nachname;Anschrift;Stand;Kurs\nLovelace;{ADA};Active;A1\n"
BARE = f"A1;Active;Lovelace;{ADA}\nA1;Active;;{BO}\n"
BARE_PLACES = {"last_name": 2, "email": 3, "status": 1, "lo_root_id": 0}


class Roster:
    """The command on a file that holds `data`, and what an admin says of one by hand."""

    def __init__(self, app: Flask, db: Session, folder: Path) -> None:
        self.app = app
        self.db = db
        self.path = folder / "list.csv"

    def __call__(self, data: str, *options: str) -> Any:
        self.path.write_bytes(data.encode())
        arguments = ["rollcall", "roster", "import", str(self.path), *options]
        return self.app.test_cli_runner().invoke(args=arguments)

    def json(self, data: str, *options: str) -> dict[str, Any]:
        result = self(data, "--json", *options)
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def receive(self, data: str) -> RosterImport:
        found = imports.receive(
            self.db, io.BytesIO(data.encode()), file_name="list.csv", mode="replace",
            encoding=None, by=None, origin=NOWHERE,
        )  # fmt: skip
        self.db.commit()
        return found

    def by_hand(self, data: str, mapping: dict[str, int]) -> RosterImport:
        """Receive, map, check and apply a file as an admin does on the pages."""
        found = self.receive(data)
        imports.start_check(
            self.db, found.id, mapping=mapping, encoding=None, mode="replace", by=None
        )
        self._work()
        imports.start_apply(
            self.db, found.id, typed=None, force=True, two_person=False, by=None, origin=NOWHERE,
            limits=imports.HoldLimits(),
        )  # fmt: skip
        self._work()
        applied = imports.get(self.db, found.id)
        assert applied.state == "applied", applied.failure
        return applied

    def _work(self) -> None:
        self.db.commit()
        parts = self.app.extensions["rollcall"]
        with self.app.app_context():
            jobs.work_off(parts.sessions, parts.settings)


@pytest.fixture
def roster(app: Flask, db: Session, tmp_path: Path) -> Roster:
    return Roster(app, db, tmp_path)


def listed(db: Session) -> set[tuple[str, str, str]]:
    db.rollback()
    rows = db.execute(select(RosterLine.address, RosterLine.last_name, RosterLine.lo_root_id))
    return {(address, last_name, lo_root_id) for address, last_name, lo_root_id in rows}


def mended(found: RosterImport, db: Session) -> list[list[str]]:
    text = "".join(imports.write_problems(db, found.id)).removeprefix("\ufeff")
    return list(csv.reader(io.StringIO(text)))


def written(rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


# Remembered


def test_what_an_admin_said_of_a_header_counts_for_the_command_too(roster, db):
    assert roster(FOREIGN).exit_code == 1
    roster.by_hand(FOREIGN, OURS)
    result = roster(FOREIGN.replace("A1", "A2"), "--apply", "--force")
    assert result.exit_code == 0, result.output
    assert "Columns as in an earlier import: last_name=1, email=2, status=3" in result.stderr
    assert listed(db) == {(ADA, "Lovelace", "A2")}
    row = db.scalars(select(RosterImport).order_by(RosterImport.id.desc())).first()
    assert (row.mapping, row.headed) == (OURS, True)
    assert [each["name"] for each in row.columns] == ["Nachname", "Anschrift", "Stand", "Kurs"]
    # What the command applied is in turn what the pages know.
    assert roster.receive(FOREIGN).mapping == OURS


def test_a_header_that_names_our_columns_is_read_by_its_names_alone(roster, db):
    header = "user_code,last_name,email,status,lo_root_id\n"
    roster.by_hand(header + f"Lovelace,U1,{ADA},Active,A1\n", OURS | {
        "email": 2, "status": 3, "lo_root_id": 4,
    })  # fmt: skip
    result = roster(header + f"U1,Byron,{BO},Active,A1\n", "--apply", "--force")
    assert "Columns as" not in result.stderr
    assert listed(db) == {(BO, "Byron", "A1")}


def test_the_seven_columns_without_a_header_stay_in_their_order(roster, db):
    swapped = {"last_name": 0, "user_code": 1, "email": 2, "status": 3, "lo_root_id": 6}
    roster.by_hand(f"Lovelace,U1,{ADA},Active,C,D,A1\n", swapped)
    assert roster(f"U1,Byron,{BO},Active,C,D,A1\n", "--apply", "--force").exit_code == 0
    assert listed(db) == {(BO, "Byron", "A1")}


def test_a_file_without_a_header_is_known_by_its_number_of_columns(roster, db):
    found = roster.by_hand(BARE, BARE_PLACES)
    assert not found.headed
    assert roster.receive(BARE).mapping == BARE_PLACES
    assert roster.receive(f"A1;Active;Lovelace;{ADA};x\n").mapping == {}
    assert roster.receive(f"{ADA};Active;Lovelace;A1\n").mapping == {}
    assert roster.json(BARE.replace(";;", ";Byron;"))["added"] == 1
    assert roster(BARE + "more\n").exit_code == 0


def test_problem_lines_of_a_file_that_was_mapped_by_hand_are_known_when_they_come_back(roster, db):
    bad = FOREIGN + f";{BO};Active;A1\n"
    rows = mended(roster.by_hand(bad, OURS), db)
    assert rows[0] == ["Nachname", "Anschrift", "Stand", "Kurs", "_line", "_problem"]
    rows[1][0] = "Byron"
    received = roster.receive(written(rows))
    assert (received.mapping, received.mode) == (OURS, "add")
    # Wherever the two columns stand by then.
    moved = [[row[5], row[0], row[4], *row[1:4]] for row in rows]
    places = {"last_name": 1, "email": 3, "status": 4, "lo_root_id": 5}
    assert roster.receive(written(moved)).mapping == places
    assert roster(written(moved), "--apply").exit_code == 0
    assert listed(db) == {(ADA, "Lovelace", "A1"), (BO, "Byron", "A1")}
    assert roster.receive(FOREIGN).mapping == OURS


def test_problem_lines_of_a_mapped_file_without_a_header_come_back_under_our_names(roster, db):
    rows = mended(roster.by_hand(BARE, BARE_PLACES), db)
    assert rows[0] == ["lo_root_id", "status", "last_name", "email", "_line", "_problem"]
    rows[1][2] = "Byron"
    assert roster.json(written(rows), "--apply")["added"] == 1
    assert listed(db) == {(ADA, "Lovelace", "A1"), (BO, "Byron", "A1")}


# Named


def test_columns_are_named_by_name_or_number_and_remembered(roster, db):
    said = ("--map", "last_name=Nachname", "--map", "email=2", "--map", "status=Stand",
            "--map", "lo_root_id=4")  # fmt: skip
    assert roster.json(FOREIGN, *said, "--apply")["added"] == 1
    assert listed(db) == {(ADA, "Lovelace", "A1")}
    assert roster.json(FOREIGN)["unchanged"] == 1
    # Even where the first line is none that could be read.
    bare = ("--map", "last_name=3", "--map", "email=4", "--map", "status=2", "--map",
            "lo_root_id=1")  # fmt: skip
    found = roster.json(f'A1;Active;"Byron;{BO}\n' + BARE, *bare)
    assert [each["line"] for each in found["problems"]] == [1, 3]
    assert found["unchanged"] == 1


def test_one_of_two_columns_of_a_name_is_chosen_and_the_rest_is_known_by_name(roster, db):
    twice = f"last_name,email,email,status,lo_root_id\nLovelace,x@x.example,{ADA},Active,A1\n"
    refused = roster(twice)
    assert (refused.exit_code, "in columns 2 and 3" in refused.stderr) == (1, True)
    assert roster.json(twice, "--map", "email=3", "--apply")["added"] == 1
    assert listed(db) == {(ADA, "Lovelace", "A1")}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["email"], "not FIELD=COLUMN"),
        (["email="], "not FIELD=COLUMN"),
        (["mail=2"], "none of user_code"),
        (["email=2", "email=3"], "said twice"),
        (["email=Post"], "no column"),
        (["email=0"], "no column"),
        (["email=5"], "no column"),
        (["email=2"], "No column is said to be"),
        (["email=2", "last_name=Anschrift"], "Column 2 is asked for twice"),
        (["email=Kurs"], "name of the columns 4 and 5"),
    ],
)
def test_columns_that_cannot_be_are_wrong_usage(said, words, roster, db):
    data = FOREIGN if "Kurs" not in said[0] else FOREIGN.replace("Kurs", "Kurs;Kurs")
    result = roster(data, *(part for each in said for part in ("--map", each)))
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert imports.history(db) == []

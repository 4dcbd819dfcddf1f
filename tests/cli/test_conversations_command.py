"""Conversations at the console: the same words and numbers as on the pages."""

import csv
import json

import openpyxl
import pytest
from sqlalchemy import select

from app.core import clock
from app.models.conversations import Exchange
from app.models.records import AuditEntry


@pytest.fixture
def said(people, db):
    people.program("BCC")
    ada = people.account("ada@learn.agency.example")
    for number in range(3):
        db.add(Exchange(user_id=ada.id, program_code="bcc", user_message=f"=Question {number}",
                        bot_message="Answer", timestamp=clock.now(), is_visible=True))  # fmt: skip
    db.commit()


@pytest.fixture
def run(app):
    """Runs a command below `conversations`; its exit code, output and messages."""
    runner = app.test_cli_runner()

    def command(*words):
        done = runner.invoke(args=["rollcall", "conversations", *words])
        return done.exit_code, done.stdout, done.stderr

    return command


def test_it_is_searched_by_words_program_and_person(said, run):
    code, output, _ = run("search", "question", "1", "--program", "BCC", "--json")
    (found,) = json.loads(output)["conversations"]
    assert (code, found["question"], found["visible"]) == (0, "=Question 1", True)
    assert run("search", "--person", "ada@learn.agency.example")[1].count("asked:") == 3
    assert run("search", "nothing") == (0, "", "No exchange fits.\n")
    assert run("search", "--from", "yesterday")[0] == 2


def test_it_is_written_to_a_file_by_the_ending_of_its_name(said, run, tmp_path, db):
    assert run("export", str(tmp_path / "all.csv"), "--words", "question 2")[0] == 0
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["message"] for row in csv.DictReader(file)] == ["'=Question 2", "Answer"]
    code, output, _ = run("export", str(tmp_path / "all.xlsx"), "--json")
    assert (code, json.loads(output)["bytes"]) == (0, (tmp_path / "all.xlsx").stat().st_size)
    assert openpyxl.load_workbook(tmp_path / "all.xlsx")["Conversations"].max_row == 7
    assert set(db.scalars(select(AuditEntry.event))) >= {"conversations:exported"}


def test_nothing_is_deleted_before_the_number_is_confirmed(said, run, db):
    code, output, words = run("delete", "--program", "BCC", "--json")
    assert (code, json.loads(output)) == (0, {"exchanges": 3, "people": 1, "deleted": 0})
    assert "--confirm 3" in words
    assert run("delete", "--all", "--confirm", "2")[0] == 1
    assert len(db.scalars(select(Exchange.id)).all()) == 3
    assert run("delete")[0] == run("delete", "--all", "--program", "BCC")[0] == 2
    code, output, words = run("delete", "--older-than", "0", "--confirm", "3", "--json")
    assert (code, json.loads(output)["deleted"], words) == (0, 3, "Deleted 3.\n")
    assert db.scalars(select(Exchange.id)).all() == []


def test_how_long_they_are_kept_is_shown_and_set(said, run):
    assert json.loads(run("retention", "--json")[1]) == {"days": {"BCC": None}}
    assert json.loads(run("retention", "bcc", "--days", "90", "--json")[1]) == {"days": {"BCC": 90}}
    assert run("retention", "NONE", "--days", "90")[0] == 1
    assert run("retention", "BCC")[0] == run("retention", "--days", "9")[0] == 2
    assert run("retention", "BCC", "--for-good")[1].split() == ["BCC", "for", "good"]
